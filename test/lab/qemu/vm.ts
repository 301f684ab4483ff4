import type { ChildProcess } from 'node:child_process'
import { access, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openFileMedium } from '../bmc/file-medium.ts'
import { type HttpMedium, openHttpMedium } from '../bmc/http-medium.ts'
import type { Machine } from '../bmc/machine.ts'
import { startNbd } from '../bmc/nbd.ts'
import { inTools, spawnInTools } from '../programs.ts'
import { accelerator } from './accelerator.ts'
import { BOOT_INDEX, type DriveKind, driveId, FIRMWARE, nbdNode, nodeName, qemuCommand } from './command-line.ts'
import { type SerialConsole, serialConsole } from './console.ts'
import { listenForQmp, type Qmp } from './qmp.ts'

export interface VmOptions {
  readonly serial: string
  readonly uuid: string
  readonly diskPath: string
  /** In bytes; the file is made, sparse, when there is none. */
  readonly diskSize: number
  /** Default: two CD drives. */
  readonly drives?: readonly DriveKind[]
  /** Its own directory: the firmware's variables. */
  readonly workDir: string
  /** Where the serial console is written. */
  readonly logPath: string
  readonly memoryMiB?: number
  readonly cpus?: number
  /** False: no network card. */
  readonly card?: boolean
  readonly forwards?: readonly string[]
}

export interface Vm extends Machine {
  waitForConsole(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>
  /** What the console has said since the last power-on. */
  consoleText(): string
  /** Resolves when the machine is off, by itself or not. */
  waitForOff(timeoutMs: number): Promise<void>
  /** Resets the guest made by itself since the first power-on. */
  guestResets(): number
  /** Ends everything. */
  close(): Promise<void>
}

const INSIDE = { work: '/vm', disk: '/disk' }

interface Running {
  readonly child: ChildProcess
  readonly qmp: Qmp
  readonly ended: Promise<void>
}

/** A virtual server, switched off: its media, disk and firmware variables outlive every power-on. */
export async function createVm(options: VmOptions): Promise<Vm> {
  await mkdir(options.workDir, { recursive: true })
  await prepareDisk(options)
  await prepareVariables(options.workDir)
  const speed = await accelerator()
  const drives = options.drives ?? ['cd', 'cd']
  const screen = serialConsole(options.logPath)
  const media = new Map<number, { readonly name: string; readonly medium: HttpMedium }>()
  const nbd = await startNbd((name) => [...media.values()].find((entry) => entry.name === name)?.medium)
  let running: Running | undefined
  let inserts = 0
  let guestResets = 0

  const onEvent = (name: string, data: unknown): void => {
    if (name === 'RESET' && (data as { guest?: boolean } | undefined)?.guest === true) guestResets++
  }

  async function start(boot: 'cd' | 'disk'): Promise<void> {
    if (running !== undefined) return
    const inserted = [...media].map(([drive, { name }]) => ({ drive, exportName: name }))
    const machine = {
      serial: options.serial,
      uuid: options.uuid,
      memoryMiB: options.memoryMiB ?? 2048,
      cpus: options.cpus ?? 2,
      accelerator: speed,
      variables: `${INSIDE.work}/variables.fd`,
      disk: INSIDE.disk,
      drives,
      nbdPort: nbd.port,
      media: inserted,
      bootFrom: boot,
      card: options.card !== false,
      forwards: options.forwards ?? [],
    }
    const started = await launch(options, (qmpPort) => qemuCommand({ ...machine, qmpPort }), screen, onEvent)
    running = started
    void started.ended.then(() => {
      if (running === started) running = undefined
    })
    // The override is for this boot alone: the boot order is read again at every reset of the guest.
    if (boot === 'disk' || (drives[0] === 'usb' && !media.has(0))) return
    const path = `/machine/peripheral/${driveId(0)}`
    await started.qmp.execute('qom-set', { path, property: 'bootindex', value: BOOT_INDEX.ordinary })
  }

  async function stop(): Promise<void> {
    const before = running
    if (before === undefined) return
    // SIGKILL is what cutting the power is; QEMU writes the disk through the host's cache.
    before.child.kill('SIGKILL')
    await before.ended
  }

  /** Opens the new medium first: one that cannot be read leaves the drive as it is. */
  async function change(drive: number, url: string | undefined): Promise<void> {
    if (running !== undefined && drives[drive] === 'usb')
      throw new Error('a USB disk is changed while the server is off')
    const medium = url === undefined ? undefined : await openMedium(url)
    const before = media.get(drive)
    if (running !== undefined && before !== undefined) await removeMedium(running.qmp, drive, before.name)
    before?.medium.close()
    media.delete(drive)
    if (medium === undefined) return
    const name = `m${++inserts}`
    media.set(drive, { name, medium })
    if (running !== undefined) await insertMedium(running.qmp, nbd.port, drive, name)
  }

  return {
    power: () => (running === undefined ? 'off' : 'on'),
    start,
    stop,
    shutdown: async () => void (await running?.qmp.execute('system_powerdown')),
    media: change,
    waitForConsole: (pattern, timeoutMs) => screen.waitFor(pattern, timeoutMs),
    consoleText: () => screen.text(),
    waitForOff: (timeoutMs) => within(running?.ended ?? Promise.resolve(), timeoutMs, 'the machine is still on'),
    guestResets: () => guestResets,
    async close() {
      await stop()
      for (const { medium } of media.values()) medium.close()
      await nbd.close()
      screen.close()
    },
  }
}

function openMedium(url: string): Promise<HttpMedium> {
  return url.startsWith('file:') ? openFileMedium(url) : openHttpMedium(url)
}

async function launch(
  { workDir, diskPath }: VmOptions,
  argvFor: (qmpPort: number) => readonly string[],
  screen: SerialConsole,
  onEvent: (name: string, data: unknown) => void,
): Promise<Running> {
  const listener = await listenForQmp()
  const binds = [
    { host: workDir, inside: INSIDE.work },
    { host: diskPath, inside: INSIDE.disk },
  ]
  const child = await spawnInTools(argvFor(listener.port), { binds, stdio: ['ignore', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-4000)
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
    child.once('error', () => resolve())
  })
  if (child.stdout !== null) screen.attach(child.stdout)
  try {
    return { child, qmp: await listener.accept(ended, onEvent), ended }
  } catch (cause) {
    child.kill('SIGKILL')
    await ended
    throw new Error(`Cannot start the virtual machine: ${complaints.trim()}`, { cause })
  }
}

async function insertMedium(qmp: Qmp, port: number, drive: number, name: string): Promise<void> {
  await qmp.execute('blockdev-add', nbdNode(port, drive, name))
  await qmp.execute('blockdev-open-tray', { id: driveId(drive), force: true })
  await qmp.execute('blockdev-insert-medium', { id: driveId(drive), 'node-name': nodeName(drive, name) })
  await qmp.execute('blockdev-close-tray', { id: driveId(drive) })
}

/** A BMC's eject asks nobody: the medium is gone even when the guest has locked the tray. */
async function removeMedium(qmp: Qmp, drive: number, name: string): Promise<void> {
  await qmp.execute('blockdev-open-tray', { id: driveId(drive), force: true })
  await qmp.execute('blockdev-remove-medium', { id: driveId(drive) })
  await qmp.execute('blockdev-close-tray', { id: driveId(drive) })
  await qmp.execute('blockdev-del', { 'node-name': nodeName(drive, name) })
}

async function prepareDisk({ diskPath, diskSize }: VmOptions): Promise<void> {
  await mkdir(dirname(diskPath), { recursive: true })
  const file = await open(diskPath, 'a')
  try {
    if ((await file.stat()).size < diskSize) await file.truncate(diskSize)
  } finally {
    await file.close()
  }
}

/** A fresh NVRAM for a new server; the one it has stays. */
async function prepareVariables(workDir: string): Promise<void> {
  const path = join(workDir, 'variables.fd')
  const present = await access(path).then(
    () => true,
    () => false,
  )
  if (present) return
  const binds = [{ host: workDir, inside: INSIDE.work }]
  const copied = await inTools(['cp', FIRMWARE.variables, `${INSIDE.work}/variables.fd`], { binds })
  if (copied.code !== 0) throw new Error(`Cannot copy the firmware variables: ${copied.stderr}`)
}

async function within(promise: Promise<void>, timeoutMs: number, state: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${state} after ${timeoutMs} ms`)), timeoutMs)
  })
  await Promise.race([promise, limit]).finally(() => clearTimeout(timer))
}
