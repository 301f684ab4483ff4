/** Names on the task medium (docs/contracts.md section 4). */
export const TASK_FILES = {
  recipe: 'recipe.json',
  schema: 'recipe.schema.json',
  job: 'job.json',
  sums: 'SHA256SUMS',
  signature: 'SHA256SUMS.sig',
} as const

/** Recipe texts that become files of their own on the medium: recipe field → file name. */
export const TASK_TEXTS = {
  user_data: 'user-data',
  meta_data: 'meta-data',
  network_config: 'network-config',
  unattend_xml: 'unattend.xml',
  ks_cfg: 'ks.cfg',
} as const

/** A task medium is texts; more cannot be meant (docs/contracts.md section 4). */
export const MAX_TASK_BYTES = 10 * 1024 * 1024

/** Volume ids of task media begin so; the job id follows, 31 characters in all. */
export const TASK_LABEL_PREFIX = 'TASK_'

/** The format that this program writes and reads. */
export const JOB_FILE_FORMAT = 1

/** `/job.json`: what the maintenance OS needs to know beside the recipe. `secret` and `registry.password` are of this job alone. */
export interface JobFile {
  readonly format: typeof JOB_FILE_FORMAT
  readonly job_id: string
  readonly attempt: number
  readonly server: { readonly serial: string; readonly uuid: string | null }
  /** `ca_pem` is null when the controller speaks plain HTTP. */
  readonly controller: { readonly url: string; readonly ca_pem: string | null }
  readonly webhook: { readonly url: string; readonly secret: string }
  /** The controller's own registry: `host` as it stands in an `oci_url`. */
  readonly registry: { readonly host: string; readonly username: string; readonly password: string }
  /** Static address plan of the maintenance OS; null means DHCP. */
  readonly network: NetworkPlan | null
}

/** One static address plan: the interface is found by its MAC address. */
export interface NetworkPlan {
  readonly mac: string
  /** With prefix length: `192.0.2.17/24`. */
  readonly addresses: readonly string[]
  readonly gateway: string | null
  readonly dns: readonly string[]
  /** The addresses are on this VLAN, tagged; without it they are on the card itself. */
  readonly vlan?: number
  /** Bytes of the largest packet. */
  readonly mtu?: number
}

/** Where the maintenance OS posts to, below `controller.url`. */
export function jobUrl(file: JobFile, what: 'progress' | 'logs'): string {
  return `${file.controller.url}/api/v1/jobs/${file.job_id}/${what}`
}

/** The header that proves a post comes from the maintenance OS of this job. */
export const SECRET_HEADER = 'x-webhook-secret'

/** Body of `POST /api/v1/jobs/{id}/progress`. `bytes` counts what a phase of the step has done. */
export interface ProgressReport {
  /** Step name without suffix (`image-linux`), or `provision-dispatcher`. */
  readonly step: string
  readonly bytes?: number
  readonly total_bytes?: number
  /** A sentence, or beside `bytes` the name of the phase. */
  readonly message?: string
  /** The message stays in the events of the job, and beside `bytes` leaves the phase as it is. */
  readonly event?: true
}

/** Body of `POST /api/v1/status-webhook/{serial}` (docs/contracts.md section 6). */
export interface WebhookReport {
  readonly status: 'success' | 'failed'
  /** A systemd unit; required when failed. */
  readonly failed_step?: string
  readonly delivery_id?: string
  readonly job_id?: string
  readonly task_target?: string
  readonly dispatcher_version?: string
  readonly schema_id?: string
  readonly started_at?: string
  readonly finished_at?: string
  /** Why it failed: the last lines of the unit's log. */
  readonly message?: string
}
