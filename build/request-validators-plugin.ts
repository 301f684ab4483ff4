import { _, Ajv } from 'ajv'
import standalone from 'ajv/dist/standalone/index.js'
import type { Plugin } from 'esbuild'
import { requestSchemas } from '../src/server/http/check-request.ts'
import { FORMATS } from '../src/server/http/formats.ts'
import { ENDPOINTS } from '../src/server/routes/endpoints.ts'
import { AJV_OPTIONS } from '../src/shared/recipe/compile.ts'
import { ROOT } from './files.ts'

/** Replaces src/server/http/validators.ts, which compiles schemas as they are needed, by the code that ajv generates for all of them. */
export function requestValidatorsPlugin(): Plugin {
  return {
    name: 'request-validators',
    setup(build) {
      build.onLoad({ filter: /\/src\/server\/http\/validators\.ts$/ }, () => ({
        contents: validatorsSource(),
        resolveDir: ROOT,
      }))
    },
  }
}

function validatorsSource(): string {
  const formats = _`require("./src/server/http/formats.ts").FORMATS`
  const ajv = new Ajv({ ...AJV_OPTIONS, formats: FORMATS, code: { source: true, esm: true, formats } })
  const names: Record<string, string> = {}
  for (const [name, endpoint] of Object.entries(ENDPOINTS)) {
    for (const [part, schema] of Object.entries(requestSchemas(endpoint))) {
      ajv.addSchema(schema, `${name}.${part}`)
      names[`${name}_${part}`] = `${name}.${part}`
    }
  }
  const rows = Object.entries(names).map(([exported, part]) => `${JSON.stringify(part)}: ${exported}`)
  return `${standalone.default(ajv, names)}
const VALIDATORS = { ${rows.join(', ')} }
export function requestValidator(part) { return VALIDATORS[part] }`
}
