import { AppError } from '../shared/errors.ts'
import type { Recipe } from '../shared/recipe/schema.ts'
import { RECIPE_SCHEMA } from '../shared/recipe/schema.ts'
import type { JobFile } from '../shared/task/job-file.ts'
import { TASK_TEXTS } from '../shared/task/job-file.ts'
import { VERSION } from '../shared/version.ts'

/** A file below the run directory. */
export interface OutputFile {
  readonly path: string
  readonly mode: number
  readonly content: string
}

/** Files that are there only when the recipe has something for them. */
export const OPTIONAL_OUTPUTS = Object.values(TASK_TEXTS)

/** What the steps and their units read, from what the medium says. Pure: the same medium gives the same files. */
export function materialize(recipe: Recipe, job: JobFile, schemaId: string = RECIPE_SCHEMA.$id): OutputFile[] {
  const info = {
    dispatcher_version: VERSION,
    schema_id: schemaId,
    job_id: job.job_id,
    attempt: job.attempt,
    task_target: recipe.task_target,
  }
  return [
    { path: 'recipe.env', mode: 0o644, content: environmentFile(environmentOf(recipe, job, schemaId)) },
    { path: 'layout.json', mode: 0o644, content: json(recipe.partition_layout ?? []) },
    { path: 'build-info.json', mode: 0o644, content: json(info) },
    ...configDriveFiles(recipe, job).map(([path, content]) => ({ path, mode: 0o600, content })),
    ...text(TASK_TEXTS.unattend_xml, recipe.unattend_xml),
    ...text(TASK_TEXTS.ks_cfg, recipe.ks_cfg),
    ...text('certificates/controller.crt', job.controller.ca_pem ?? undefined),
    { path: 'secrets/webhook-secret', mode: 0o600, content: job.webhook.secret },
    { path: 'secrets/registry-auth.json', mode: 0o600, content: json(registryAuth(job)) },
  ]
}

/** Names and order of docs/contracts.md section 5. An absent value is an empty one, so that every name is always set. */
function environmentOf(recipe: Recipe, job: JobFile, schemaId: string): Readonly<Record<string, string>> {
  return {
    TASK_TARGET: recipe.task_target,
    TARGET_DISK: recipe.target_disk ?? '',
    OCI_URL: recipe.oci_url ?? '',
    FIRMWARE_URL: recipe.firmware_url ?? '',
    SERIAL_NUMBER: job.server.serial,
    JOB_ID: job.job_id,
    WEBHOOK_URL: job.webhook.url,
    REGISTRY_HOST: job.registry.host,
    WIM_INDEX: String(recipe.wim_index ?? ''),
    SCHEMA_ID: schemaId,
    DISPATCHER_VERSION: VERSION,
  }
}

/**
 * `KEY=value` lines that systemd's EnvironmentFile= and podman's --env-file read alike. podman takes a value literally and
 * systemd unquotes it, so a value that needs quoting cannot be said to both.
 */
export function environmentFile(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => {
      if (/[\p{Cc}"'\\`]/u.test(value) || value !== value.trim()) {
        const message = `Cannot write ${key} for the units: its value needs quotes`
        throw new AppError('outputs-unwritable', message)
      }
      return `${key}=${value}\n`
    })
    .join('')
}

/** cloud-init's NoCloud wants user-data and meta-data, both, and an instance-id in the latter. */
function configDriveFiles(recipe: Recipe, job: JobFile): [string, string][] {
  const { user_data: user, meta_data: meta, network_config: network } = recipe
  if (user === undefined && meta === undefined && network === undefined) return []
  const files: [string, string][] = [
    [TASK_TEXTS.user_data, user ?? ''],
    [TASK_TEXTS.meta_data, meta ?? `instance-id: ${job.job_id}\n`],
  ]
  return network === undefined ? files : [...files, [TASK_TEXTS.network_config, network]]
}

/** containers-auth.json(5), for a podman that has to pull a tool image. */
function registryAuth({ registry }: JobFile) {
  const auth = Buffer.from(`${registry.username}:${registry.password}`).toString('base64')
  return { auths: { [registry.host]: { auth } } }
}

function text(path: string, content: string | undefined): OutputFile[] {
  return content === undefined ? [] : [{ path, mode: 0o600, content }]
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
