import type { Context } from 'hono'
import { assetNames, readAsset } from '../../shared/assets.ts'
import { AppError } from '../../shared/errors.ts'
import type { Endpoints } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'

const DIRECTORY = 'assets/dashboard'
const PAGE = 'index.html'

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
}

/**
 * Scripts and styles of this page alone, requests to this controller alone, no forms that leave it, and no text that is
 * parsed as HTML (Trusted Types without a policy).
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const TEXT = { type: 'string' } as const

/** The page is open to everybody: it holds nothing, and asks the API with the login of whoever reads it. */
export const DASHBOARD_ENDPOINTS = {
  getDashboard: {
    method: 'GET',
    path: '/',
    may: 'anyone',
    summary: 'The dashboard, a page for a browser',
    answers: { 200: { description: 'The page', content: { 'text/html': TEXT } } },
  },
  getDashboardFile: {
    method: 'GET',
    path: '/dashboard/{file}',
    may: 'anyone',
    summary: 'A script or style sheet of the dashboard',
    answers: { 200: { description: 'The file', content: { 'text/javascript': TEXT, 'text/css': TEXT } } },
    errors: ['not-found'],
  },
} as const satisfies Endpoints

export function dashboardHandlers(): Handlers<typeof DASHBOARD_ENDPOINTS> {
  const names = assetNames(DIRECTORY).map((name) => name.slice(DIRECTORY.length + 1))
  const files = new Map(names.map((name) => [name, readAsset(`${DIRECTORY}/${name}`)]))

  function send(c: Context, name: string): Response {
    const content = files.get(name)
    if (content === undefined) throw new AppError('not-found', `Cannot find "${name.slice(0, 100)}" of the dashboard`)
    c.header('content-type', TYPES[name.split('.').at(-1) ?? ''])
    return c.body(Uint8Array.from(content))
  }

  return {
    getDashboard({ c }) {
      c.header('content-security-policy', PAGE_POLICY)
      return send(c, PAGE)
    },
    getDashboardFile: ({ c, params }) => send(c, params.file === PAGE ? '' : params.file),
  }
}
