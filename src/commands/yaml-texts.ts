import type { LineCounter, ParsedNode } from 'yaml'
import { isMap, isScalar, isSeq, parseDocument } from 'yaml'

/** What a YAML document holds, each scalar as it was written: `012345`, `1e5` and `1.10` are no numbers here. */
export type Texts = string | readonly Texts[] | { readonly [name: string]: Texts }

/** The root of a YAML document. @throws an error with the first problem */
export function rootOf(text: string, lineCounter?: LineCounter): ParsedNode | null {
  const document = parseDocument(text, { version: '1.2', prettyErrors: false, ...(lineCounter && { lineCounter }) })
  const [problem] = document.errors
  if (problem !== undefined) throw problem
  return document.contents
}

/** `null` and nothing are an empty text. @throws an error for an alias */
export function textsOf(node: unknown): Texts {
  if (node === null) return ''
  if (isScalar(node))
    return typeof node.value === 'string' ? node.value : node.value === null ? '' : (node.source ?? '')
  if (isSeq(node)) return node.items.map(textsOf)
  if (isMap(node)) return Object.fromEntries(node.items.map(({ key, value }) => [String(textsOf(key)), textsOf(value)]))
  throw new Error('an alias, which is not taken here')
}
