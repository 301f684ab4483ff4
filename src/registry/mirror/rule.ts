import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { AppError } from '../../shared/errors.ts'
import { REPOSITORY_GRAMMAR } from '../../shared/oci-reference.ts'
import type { Field } from '../policy-fields.ts'
import { duration, optional, record, refuse, text } from '../policy-fields.ts'
import type { MirrorOptions } from './options.ts'

/** One mirror as the policy file writes it. */
export interface MirrorRule {
  readonly prefix: string
  readonly upstream: string
  readonly username: string | undefined
  /** Relative to the policy's directory, as `ca` is. */
  readonly password_file: string | undefined
  readonly ca: string | undefined
  /** Seconds. */
  readonly tag_ttl: number | undefined
}

const PATH = text(/^[^\0]{1,4096}$/, 'a path')
const FIELDS = record<MirrorRule>({
  // Not a plain host name: `docker.io` and `192.0.2.1` are names of repositories as well, `HOST:5000` is not.
  prefix: text(new RegExp(`^(?:${REPOSITORY_GRAMMAR})?$`), 'the beginning of repository names such as "docker.io"'),
  upstream: text(/^https?:\/\/[A-Za-z0-9.:[\]-]{1,255}(?:\/[a-z0-9._/-]*)?$/, 'https://HOST:PORT'),
  username: optional(text(/^[^:\0]{1,256}$/, 'a name'), undefined),
  password_file: optional(PATH, undefined),
  ca: optional(PATH, undefined),
  tag_ttl: optional(duration, undefined),
})

/** Reads one entry of `mirrors`. */
export const mirrorRule: Field<MirrorRule> = (value, place) => {
  const rule = FIELDS(value, place)
  if (rule === undefined) return undefined
  if (!URL.canParse(rule.upstream)) return refuse(place, 'pattern', `"${rule.upstream}" is no address`)
  const whole = (rule.username === undefined) === (rule.password_file === undefined)
  return whole ? rule : refuse(place, 'login', '"username" and "password_file" belong together')
}

/** The files that a policy at `path` names for its mirrors. */
export function mirrorFiles(path: string, rules: readonly MirrorRule[]): string[] {
  const named = rules.flatMap(({ password_file: password, ca }) => [password, ca])
  return named.filter((name) => name !== undefined).map((name) => resolve(dirname(path), name))
}

/** The mirrors with what their files say. @throws `config-invalid` */
export async function loadMirrors(path: string, rules: readonly MirrorRule[]): Promise<MirrorOptions[]> {
  const read = async (name: string | undefined) => {
    if (name === undefined) return undefined
    return readFile(resolve(dirname(path), name), 'utf8').catch((cause: unknown) => {
      throw new AppError('config-invalid', `Cannot read "${name}", which the registry policy names`, { cause })
    })
  }
  return Promise.all(
    rules.map(async ({ prefix, upstream, username, password_file, ca, tag_ttl }) => {
      const password = (await read(password_file))?.replace(/\r?\n$/, '')
      const credentials = username === undefined || password === undefined ? undefined : { username, password }
      return { prefix, upstream, credentials, caPem: await read(ca), tagTtlMs: tag_ttl && tag_ttl * 1000 }
    }),
  )
}
