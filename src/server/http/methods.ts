import type { Context } from 'hono'
import { AppError } from '../../shared/errors.ts'
import type { Endpoints } from './endpoint.ts'

/**
 * What is answered where no endpoint fits: 404 for an unknown path; for a known one 405 with `Allow`, and to OPTIONS 204 with
 * the same (RFC 9110 sections 9.3.7 and 15.5.6).
 * @throws `not-found`, `method-not-allowed`
 */
export function answerUnmatched(endpoints: Endpoints): (c: Context) => Response {
  const paths = Object.values(endpoints).map(({ method, path }) => ({ method, pattern: patternOf(path) }))
  return (c) => {
    const methods = paths.filter(({ pattern }) => pattern.test(c.req.path)).map(({ method }) => method)
    if (methods.length === 0) throw new AppError('not-found', `Cannot find "${c.req.path.slice(0, 200)}"`)
    const allowed = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    c.header('allow', [...allowed, 'OPTIONS'].join(', '))
    if (c.req.method === 'OPTIONS') return c.body(null, 204)
    throw new AppError('method-not-allowed', `Cannot ${c.req.method} "${c.req.path.slice(0, 200)}"`)
  }
}

function patternOf(path: string): RegExp {
  const escaped = path.replace(/[.*+?^$()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/\{[a-z_]+\}/g, '[^/]+')}$`)
}
