import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdir, open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { loadKeys } from '../../src/server/keys.ts'
import { sleep, systemClock } from '../../src/shared/time.ts'
import { loadOrCreateTls } from '../../src/shared/tls.ts'
import { labCacheDirectory } from './cache.ts'

/** The address under which QEMU's user network shows the host to the guest. */
const HOST_IN_GUEST = '10.0.2.2'

export interface LabController {
  /** As this machine reaches it. */
  readonly url: string
  /** As the guest reaches it: `HOST:PORT` of `oci://` references in recipes. */
  readonly registryHost: string
  readonly token: string
  readonly caFile: string
  readonly logFile: string
  /** Runs a command of the executable against this controller and gives what it printed. */
  run(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>
  /** `kill -9`, then a new process on the same data. */
  crash(): Promise<void>
  close(): Promise<void>
}

/** Keys of the lab's controllers: always the same, so the maintenance image that trusts them is built once. */
export async function labTrust(): Promise<{ readonly keys: string; readonly tls: string; readonly publicPem: string }> {
  const directory = join(labCacheDirectory(), 'controller')
  const keys = join(directory, 'keys')
  const tls = join(directory, 'tls')
  const { taskPublicPem } = await loadKeys(keys)
  await loadOrCreateTls(tls, ['127.0.0.1', HOST_IN_GUEST], systemClock)
  return { keys, tls, publicPem: taskPublicPem }
}

/** Starts the executable as a controller on a free port of this machine, with TLS, its data below `directory`. */
export async function startLabController(
  executable: string,
  maintenanceIso: string,
  directory: string,
): Promise<LabController> {
  const trust = await labTrust()
  const data = join(directory, 'data')
  await mkdir(data, { recursive: true })
  await cp(trust.keys, join(data, 'keys'), { recursive: true })
  await cp(trust.tls, join(data, 'tls'), { recursive: true })
  const port = await freePort()
  const tokenFile = join(directory, 'admin-token')
  const logFile = join(directory, 'controller.log')
  const url = `https://127.0.0.1:${port}`
  const args = ['serve', '--listen', `127.0.0.1:${port}`, '--data', data, '--maintenance-iso', maintenanceIso]
  // The virtual BMCs of the lab are on this host.
  args.push('--allow-loopback-bmc')
  const addresses = [
    '--public-url',
    `https://${HOST_IN_GUEST}:${port}`,
    '--media-url',
    url,
    '--admin-token-file',
    tokenFile,
  ]

  async function start(): Promise<ChildProcess> {
    const log = await open(logFile, 'a')
    const child = spawn(executable, [...args, ...addresses], { stdio: ['ignore', log.fd, log.fd] })
    await log.close()
    for (let tries = 0; tries < 600; tries++) {
      if (child.exitCode !== null)
        throw new Error(`Cannot start the controller: ${(await readFile(logFile, 'utf8')).slice(-2000)}`)
      if ((await readFile(logFile, 'utf8')).lastIndexOf('controller started') > started) break
      await sleep(50)
    }
    started = (await readFile(logFile, 'utf8')).lastIndexOf('controller started')
    return child
  }

  let started = -1
  let process = await start()
  const token = (await readFile(tokenFile, 'utf8')).trim()
  const caFile = join(data, 'tls', 'ca.pem')
  const env = { PROVISIONER_CONTROLLER: url, PROVISIONER_TOKEN: token, PROVISIONER_CA: caFile }
  return {
    url,
    registryHost: `${HOST_IN_GUEST}:${port}`,
    token,
    caFile,
    logFile,
    run: (args) => run(executable, args, env),
    async crash() {
      await end(process, 'SIGKILL')
      process = await start()
    },
    close: () => end(process, 'SIGTERM'),
  }
}

/** Runs a program to its end; what it says on standard error is shown as it comes when `PROVISIONER_LAB_VERBOSE` is set. */
export function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const out = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (out.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (out.stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, ...out }))
  })
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await ended
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
