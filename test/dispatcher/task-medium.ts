import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { bytesSource } from '../../src/isobuilder/source.ts'
import { parseRecipe } from '../../src/shared/recipe/parse.ts'
import type { Recipe } from '../../src/shared/recipe/schema.ts'
import { taskContents } from '../../src/shared/task/contents.ts'
import type { JobFile } from '../../src/shared/task/job-file.ts'
import { sealTask, type TaskContents } from '../../src/shared/task/seal.ts'
import { imageOf } from '../isobuilder/image-bytes.ts'

export const KEYS = generateKeyPairSync('ed25519')

export const RECIPE: Recipe = {
  task_target: 'install-linux.target',
  target_disk: '/dev/vda',
  oci_url: 'oci://127.0.0.1:15000/os/debian:13',
  partition_layout: [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi', label: 'ESP' },
    { size: '100%', format: 'ext4', mountpoint: '/', label: 'root' },
  ],
  user_data: '#cloud-config\nhostname: web-01\n',
}

export const JOB: JobFile = {
  format: 1,
  job_id: '01JCXSV4G0ABCDEFGHJKMNPQRS',
  attempt: 1,
  server: { serial: 'SN123', uuid: '4c4c4544-0051-3510-8052-b4c04f595931' },
  controller: { url: 'http://127.0.0.1:9', ca_pem: null },
  webhook: { url: 'http://127.0.0.1:9/api/v1/status-webhook/SN123', secret: 'hush-webhook' },
  registry: { host: '127.0.0.1:15000', username: 'job', password: 'hush-registry' },
  network: null,
}

export const LABEL = `TASK_${JOB.job_id}`

export interface MediumParts {
  readonly recipe?: string
  readonly job?: JobFile
  readonly key?: KeyObject
  /** Changes the files before they are sealed. */
  readonly before?: (files: Map<string, Uint8Array>) => void
  /** Changes them afterwards. */
  readonly after?: (files: Map<string, Uint8Array>) => void
}

/** What a controller would put on the medium, or something close to it. */
export function contentsOf({
  recipe,
  job = JOB,
  key = KEYS.privateKey,
  before,
  after,
}: MediumParts = {}): TaskContents {
  const sealed = taskContents(Buffer.from(recipe ?? JSON.stringify(RECIPE)), RECIPE, job, key)
  const files = new Map([...sealed].filter(([name]) => !name.startsWith('SHA256SUMS')))
  before?.(files)
  const resealed = new Map(sealTask(files, key))
  after?.(resealed)
  return resealed
}

export function taskImage(parts: MediumParts = {}, label = LABEL): Promise<Buffer> {
  const entries = [...contentsOf(parts)].map(([path, bytes]) => ({ path, source: bytesSource(bytes) }))
  return imageOf(entries, label)
}

export function recipeWith(changes: Partial<Recipe>): Recipe {
  return parseRecipe({ ...RECIPE, ...changes })
}
