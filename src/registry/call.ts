import type { Logger } from '../shared/log.ts'
import type { Clock } from '../shared/time.ts'
import type { Quotas } from './access/quotas.ts'
import type { Action } from './access/rules.ts'
import type { ContentCache } from './cache.ts'
import type { Exchange } from './exchange.ts'
import type { RetentionPolicy } from './retention.ts'
import type { BlobStore, MetadataStore } from './storage/storage.ts'

export type Access = Action | 'catalog'

/** One request, routed and authorized. */
export interface Call {
  readonly c: Exchange
  /** Checked against the grammar; empty for /v2/ itself and the catalog. */
  readonly repository: string
  /** The last path segment where the endpoint has one: a digest, a tag or a session id, not yet checked. */
  readonly reference: string
  readonly query: URLSearchParams
  /** As sent; undefined also for the empty login of podman. */
  readonly authorization: string | undefined
  /** Who it is, for log and audit: `user:NAME`, `anonymous`. Undefined where nobody is asked. */
  readonly caller: string | undefined
  /** Whether the same request may do that with another repository. */
  may(repository: string, action: Action): Promise<boolean>
  /** Whether the catalog may show the caller the repository. */
  maySee(repository: string): Promise<boolean>
}

export type Handler = (call: Call) => Promise<Response>

/** What the endpoints share. */
export interface RegistryDeps {
  readonly blobs: BlobStore
  readonly metadata: MetadataStore
  readonly quotas: Pick<Quotas, 'ensure' | 'adding'>
  /** Small content, once read and verified. */
  readonly contents: ContentCache
  /** How long tags stay, and which do not move; asked each time, since the policy file may change. */
  readonly retention: () => RetentionPolicy
  readonly clock: Clock
  readonly log: Logger
  /** Accept manifests whose references are missing from the repository. */
  readonly sparse: boolean
}
