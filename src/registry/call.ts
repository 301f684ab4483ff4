import type { Logger } from '../shared/log.ts'
import type { Clock } from '../shared/time.ts'
import type { Exchange } from './exchange.ts'
import type { BlobStore, MetadataStore } from './storage/storage.ts'

export type Access = 'pull' | 'push' | 'delete' | 'catalog'

/** One request, routed and authorized. */
export interface Call {
  readonly c: Exchange
  /** Checked against the grammar; empty for /v2/ itself and the catalog. */
  readonly repository: string
  /** The last path segment where the endpoint has one: a digest, a tag or a session id, not yet checked. */
  readonly reference: string
  readonly query: URLSearchParams
  /** Throws when the caller may not do that with another repository. */
  authorize(repository: string, access: Access): Promise<void>
}

export type Handler = (call: Call) => Promise<Response>

/** What the endpoints share. */
export interface RegistryDeps {
  readonly blobs: BlobStore
  readonly metadata: MetadataStore
  readonly clock: Clock
  readonly log: Logger
  /** Accept manifests whose references are missing from the repository. */
  readonly sparse: boolean
}
