import { join } from 'node:path'
import { isAppError } from '../../shared/errors.ts'
import type { Command } from '../../shared/exec.ts'
import { parseOciReference } from '../../shared/oci-reference.ts'
import { retry } from '../../shared/time.ts'
import type { StepContext } from './step.ts'

/** A registry that restarts is there by then; podman tries each time three times by itself (containers.conf(5), retry). */
const PULL_BACKOFF = { firstMs: 2000, maxMs: 8000, attempts: 4 }

type Context = Pick<StepContext, 'job' | 'paths' | 'programs' | 'say' | 'signal'>

/** Whether the host's podman has the image, in the medium or pulled by this boot. */
export async function hasImage(name: string, { programs, signal }: Pick<Context, 'programs' | 'signal'>) {
  const argv = ['podman', 'images', '--quiet', '--filter', `reference=${name}`] as const
  return (await programs.read({ argv }, signal)).trim() !== ''
}

/**
 * Pulls an image onto this host, from the controller's registry with the job's credential and CA, from any other without.
 * Secrets go by file: an argument is seen by every process.
 * @throws `program-failed` with podman's own words
 */
export async function pullImage(url: string, context: Context): Promise<string> {
  const { programs, say, signal } = context
  const command = planPull(url, context)
  const name = command.argv.at(-1) ?? ''
  // Started here and not by the unit: with the image in the medium nobody has to wait for a network.
  await programs.run({ argv: ['systemctl', 'start', 'network-online.target'] }, signal)
  say(`pulling ${name}`)
  const again = (error: unknown) => isAppError(error, 'program-failed')
  await retry(() => programs.run(command, signal), PULL_BACKOFF, again, signal)
  return name
}

/** podman-pull(1). `--cert-dir` adds the controller's CA to those of the system. */
export function planPull(url: string, { job, paths }: Pick<Context, 'job' | 'paths'>): Command {
  const name = imageName(url)
  const own = name.startsWith(`${job.registry.host}/`)
  const access = own
    ? [
        ['--authfile', join(paths.secrets, 'registry-auth.json')],
        job.controller.url.startsWith('http:') ? ['--tls-verify=false'] : ['--cert-dir', paths.certificates],
      ].flat()
    : []
  return { argv: ['podman', 'pull', '--quiet', ...access, name] }
}

/** `oci://HOST/NAME:TAG` as podman writes it; a digest wins over the tag, because podman takes only one of them. */
export function imageName(url: string): string {
  const { host, repository, tag, digest } = parseOciReference(url)
  return `${host}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`
}
