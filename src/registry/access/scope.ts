import { REPOSITORY_GRAMMAR } from '../../shared/oci-reference.ts'

/** One entry of a token's access list. */
export interface ResourceActions {
  /** `repository` or `registry` (then the name is `catalog`). */
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/** More scopes in one request than any client sends; the rest is left out. */
const MAX_SCOPES = 64

const REPOSITORY = new RegExp(`^${REPOSITORY_GRAMMAR}$`)

/**
 * Reads scopes `type:name:action,action`, repeated or separated by blanks (RFC 6749 3.3). What cannot be granted anyhow is
 * left out, as distribution does: the client then gets a token with less, and the request says what is missing.
 */
export function parseScopes(values: readonly string[]): readonly ResourceActions[] {
  const words = values.flatMap((value) => value.split(' ')).filter((word) => word !== '')
  return words.slice(0, MAX_SCOPES).flatMap((word) => {
    const match = /^(repository|registry):([^:]{1,255}):([a-z*,]{1,100})$/.exec(word)
    const [, type, name, actions] = match ?? []
    if (type === undefined || name === undefined || actions === undefined) return []
    if (type === 'repository' ? !REPOSITORY.test(name) : name !== 'catalog') return []
    return [{ type, name, actions: [...new Set(actions.split(',').filter((action) => action !== ''))] }]
  })
}

/** True when the list has the action; `*` is every action. */
export function inScope(
  access: readonly ResourceActions[],
  { type, name }: { readonly type: string; readonly name: string },
  action: string,
): boolean {
  return access.some(
    (entry) =>
      entry.type === type && entry.name === name && (entry.actions.includes(action) || entry.actions.includes('*')),
  )
}
