import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { spansOf } from '../../../src/commands/timeline.ts'
import { eventView } from '../../../src/server/routes/views.ts'
import { assetNames } from '../../../src/shared/assets.ts'
import { formatBytes } from '../../../src/shared/byte-size.ts'
import { duration } from '../../../src/shared/duration.ts'
import type { Api } from '../support/api-in-process.ts'
import { openApi } from '../support/api-in-process.ts'

/* What it does in a browser was tried with a browser (docs/status.md). Here: what it may do at all, and that it is whole. */

let api: Api
let page: Response
let html: string

beforeAll(async () => {
  api = await openApi()
  page = await api.app.request('/')
  html = await page.text()
})
afterAll(() => api.close())

const FILES = assetNames('assets/dashboard').map((name) => name.replace('assets/', '/'))
const SCRIPTS = FILES.filter((name) => name.endsWith('.js'))
const textOf = async (path: string) => (await api.app.request(path)).text()

test('the page may run and ask nothing but what this controller serves', () => {
  expect(page.status).toBe(200)
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const policy = page.headers.get('content-security-policy')?.split('; ')
  expect(policy).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ])
  for (const [name, value] of [
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
  ] as const)
    expect(page.headers.get(name)).toBe(value)
})

test('it has no script or style in itself, and what it names is served with the right type', async () => {
  expect(html).not.toMatch(/<style|<script(?![^>]* src=)|\son[a-z]+=|\sstyle=|javascript:/i)
  const named = [...html.matchAll(/ (?:src|href)="([^"]*)"/g)].map(([, path = '']) => path)
  expect(named).toEqual(['/dashboard/style.css', '/dashboard/main.js'])
  for (const path of FILES.filter((name) => !name.endsWith('.html'))) {
    const { status, headers } = await api.app.request(path)
    const type = path.endsWith('.css') ? 'text/css' : 'text/javascript'
    expect([path, status, headers.get('content-type')]).toEqual([path, 200, `${type}; charset=utf-8`])
  }
})

test('the scripts import each other and look for elements, so the tests below do look', async () => {
  const all = (await Promise.all(SCRIPTS.map(textOf))).join('')
  expect([...all.matchAll(/from '([^']+)'/g)].length).toBeGreaterThan(5)
  expect([...all.matchAll(/byId\('([^']+)'\)/g)].length).toBeGreaterThan(5)
})

test.for(SCRIPTS)('%s imports what is there, and never makes HTML of a text', async (path) => {
  const script = await textOf(path)
  for (const [, name] of script.matchAll(/from '([^']+)'/g)) expect(SCRIPTS).toContain(`/dashboard/${name?.slice(2)}`)
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function/)
  expect(script.split('\n').length).toBeLessThan(300)
})

test('every element that a script looks for is in the page', async () => {
  for (const path of SCRIPTS) {
    for (const [, id] of (await textOf(path)).matchAll(/byId\('([^']+)'\)/g)) expect(html).toContain(`id="${id}"`)
  }
})

test.for(['/dashboard/other.js', '/dashboard/index.html', '/dashboard/..%2f..%2fpackage.json', '/dashboard/'])(
  '%s is not there',
  async (path) => {
    expect((await api.app.request(path)).status).toBe(404)
  },
)

const format = () => import(join(import.meta.dirname, '../../../assets/dashboard/format.js'))

test('the timeline of the page is that of the command line', async () => {
  const { spans } = await format()
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 2) + seconds * 1000)
  const told = [
    ['status', 'queued'],
    ['status', 'provisioning'],
    ['phase', 'mounting'],
    ['bmc', 'Dell'],
    ['phase', 'running:image-linux'],
    ['status', 'failed in partition.service: no disk'],
    ['status', 'complete'],
  ] as const
  const events = told.map(([type, message], index) => eventView({ seq: index + 1, at: at(index), type, message }))
  const expected = spansOf(events).map(({ name, seconds }) => ({ name, seconds }))
  expect(expected).toHaveLength(5)
  expect(spans(events, at(99).getTime())).toEqual(expected)
  const running = events.slice(0, 5)
  expect(spans(running, at(14).getTime()).at(-1)).toEqual({ name: 'running:image-linux', seconds: 10 })
})

test('what is counted names its phase, and a boot is told by its own sentence alone', async () => {
  const { amount } = await format()
  const counted = { bytes: 52 * 2 ** 20, total_bytes: 108 * 2 ** 20, rate: 2 ** 20, eta_seconds: 56 }
  expect(amount({ ...counted, step: 'image-linux', message: 'unpacking' })).toBe(
    '48 %, 52.0 MiB of 108 MiB, 1.0 MiB/s, 56 s left, unpacking',
  )
  const message = 'the server has read 48 % of the root image, 1.0 MiB/s'
  expect(amount({ ...counted, step: 'boot', message })).toBe(message)
})

test('sizes and times of the page are those of the command line', async () => {
  const { bytes, duration: words } = await format()
  for (let count = 0; count < 2 ** 45; count = count * 3 + 7) expect(bytes(count)).toBe(formatBytes(count))
  for (let seconds = -1; seconds < 1e8; seconds = seconds * 1.7 + 3) expect(words(seconds)).toBe(duration(seconds))
})
