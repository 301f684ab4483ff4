/** Repositories of ours that are another registry's, fetched when they are asked for. */
export interface MirrorOptions {
  /**
   * `docker.io` covers `docker.io/library/debian`, which is `library/debian` in the upstream; '' covers everything. Of
   * several that fit, the longest counts. What it covers can only be pulled.
   */
  readonly prefix: string
  /**
   * `https://HOST[:PORT]`, or `http://` for plain HTTP; with a path when the upstream's repositories begin with one
   * (`https://registry.example/cache`).
   */
  readonly upstream: string
  readonly credentials?: { readonly username: string; readonly password: string } | undefined
  /** PEM certificates trusted beside the system's. */
  readonly caPem?: string | undefined
  /** How long a tag is served without asking the upstream whether it has moved. Default one minute. */
  readonly tagTtlMs?: number | undefined
}

/** A repository of ours and what it is there. */
export interface Covered {
  readonly mirror: MirrorOptions
  /** The upstream's name of the repository. */
  readonly name: string
}

/** The mirror that covers a repository: the one with the longest prefix. */
export function coveredBy(mirrors: readonly MirrorOptions[], repository: string): Covered | undefined {
  const [mirror] = mirrors
    .filter(({ prefix }) => prefix === '' || repository.startsWith(`${prefix}/`))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  if (mirror === undefined) return undefined
  const bare = mirror.prefix === '' ? repository : repository.slice(mirror.prefix.length + 1)
  const path = new URL(mirror.upstream).pathname.replace(/^\/+|\/+$/g, '')
  return { mirror, name: path === '' ? bare : `${path}/${bare}` }
}

/**
 * distribution-spec "Registry Proxying": containerd asks a mirror for `library/debian?ns=docker.io`, which is
 * `docker.io/library/debian` here. Unchanged when no mirror has that prefix.
 */
export function namespaced(mirrors: readonly MirrorOptions[], repository: string, ns: string | null): string {
  return ns !== null && mirrors.some(({ prefix }) => prefix === ns) ? `${ns}/${repository}` : repository
}
