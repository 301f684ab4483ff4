import { AppError } from '../shared/errors.ts'
import type { OciReference } from '../shared/oci-reference.ts'
import { parseOciReference, TAG_GRAMMAR } from '../shared/oci-reference.ts'

/** Where an artifact is or shall be. */
export type Location =
  | {
      readonly kind: 'registry'
      readonly reference: OciReference
      /** The tag or digest that was written; undefined when the text ends with the repository. */
      readonly named: string | undefined
    }
  | { readonly kind: 'layout'; readonly path: string; readonly named: string | undefined }
  | { readonly kind: 'archive'; readonly path: string; readonly named: string | undefined }
  | { readonly kind: 'file'; readonly path: string }

const PREFIXES = { 'oci-layout:': 'layout', 'oci-archive:': 'archive', 'file:': 'file' } as const
const NAMED = new RegExp(`^(.+?)(?::(${TAG_GRAMMAR})|@(sha(?:256|512):[0-9a-f]+))?$`, 's')

/**
 * Reads `oci://HOST/REPOSITORY[:TAG][@DIGEST]` (the scheme may be missing), `oci-layout:DIR[:TAG|@DIGEST]`,
 * `oci-archive:FILE[:TAG|@DIGEST]` or `file:PATH`.
 * @throws `reference-invalid`
 */
export function parseLocation(text: string): Location {
  const prefix = Object.keys(PREFIXES).find((start) => text.startsWith(start)) as keyof typeof PREFIXES | undefined
  if (prefix === undefined) {
    const reference = parseOciReference(text)
    const { tag, digest } = reference
    const written = /[:@][^/]*$/.test(text.replace(/^oci:\/\/[^/]*|^[^/]*/, ''))
    return { kind: 'registry', reference, named: written ? (digest ?? tag) : undefined }
  }
  const kind = PREFIXES[prefix]
  const rest = text.slice(prefix.length)
  const [, path, tag, digest] = NAMED.exec(rest) ?? []
  if (path === undefined) throw new AppError('reference-invalid', `Cannot read "${text}": a path is missing`)
  return kind === 'file' ? { kind, path: rest } : { kind, path, named: tag ?? digest }
}

/** The name behind which a source is looked up; `''` stands for the only image of a layout. */
export function sourceName(location: Location): string {
  if (location.kind === 'file') return ''
  if (location.kind !== 'registry') return location.named ?? ''
  return location.reference.digest ?? location.reference.tag ?? 'latest'
}

/**
 * The tag that a copy gets: the one that is written, else that of the source (`found`: what a layout calls it). A registry
 * names what has no name `latest`; a digest is no tag.
 */
export function targetTag(target: Location, source: Location, found: string | undefined): string | undefined {
  if (target.kind === 'file') return undefined
  const written = target.named ?? (source.kind === 'file' ? undefined : source.named)
  const inherited = source.kind === 'registry' ? source.reference.tag : found
  const named = written ?? inherited ?? (target.kind === 'registry' ? 'latest' : undefined)
  return named === undefined || named.includes(':') ? undefined : named
}
