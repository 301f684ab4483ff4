import { errorsOf } from '../../../src/server/http/openapi.ts'
import { ENDPOINTS } from '../../../src/server/routes/endpoints.ts'

/** The table of docs/api.md, as it follows from the endpoints. */
export function apiTable(): string {
  const rows = Object.values(ENDPOINTS)
    .toSorted((a, b) => (a.path === b.path ? 0 : a.path < b.path ? -1 : 1))
    .map((endpoint) => {
      const { method, path, may, summary, answers } = endpoint
      const statuses = Object.keys(answers).join(', ')
      const codes = errorsOf(endpoint).map((code) => `\`${code}\``)
      return `| \`${method} ${path}\` | ${may} | ${summary} | ${statuses} | ${codes.join(' ') || '-'} |`
    })
  return ['| endpoint | who may | what | answers | errors |', '|---|---|---|---|---|', ...rows].join('\n')
}
