export interface Accelerator {
  readonly name: 'kvm' | 'tcg'
  readonly argv: readonly string[]
}

/**
 * Emulation of a CPU without AVX: 22 instead of 36 CPU seconds for the same boot (measured with -cpu max). With AES and SHA
 * instructions, which are emulated by whole calls: TLS and digests are three times as fast as without.
 */
export const TCG: Accelerator = { name: 'tcg', argv: ['-accel', 'tcg,thread=multi', '-cpu', 'Westmere,+sha-ni'] }
export const KVM: Accelerator = { name: 'kvm', argv: ['-accel', 'kvm', '-cpu', 'host'] }

/** OVMF in the tools root: the code, and an empty NVRAM to copy. */
export const FIRMWARE = {
  code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
  variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
}

/** BMCs show a virtual medium as a CD, or as a USB disk that is there as long as there is a medium. */
export type DriveKind = 'cd' | 'usb'

/** A medium in a drive at power-on: an export of the NBD server on this machine. */
export interface InsertedMedium {
  readonly drive: number
  readonly exportName: string
}

export interface QemuMachine {
  readonly serial: string
  readonly uuid: string
  readonly memoryMiB: number
  readonly cpus: number
  readonly accelerator: Accelerator
  /** Paths as QEMU sees them: this machine's own NVRAM, and its disk. */
  readonly variables: string
  readonly disk: string
  /** What a medium of drive 0 and of drive 1 shows itself as. */
  readonly drives: readonly DriveKind[]
  /** Where this process waits for QEMU's control connection. */
  readonly qmpPort: number
  readonly nbdPort: number
  readonly media: readonly InsertedMedium[]
  readonly bootFrom: 'cd' | 'disk'
  /** A network card; without it there is no network at all. */
  readonly card: boolean
  /** `tcp::2222-:22` of QEMU's user network. */
  readonly forwards: readonly string[]
}

/** Boot indexes: the override moves the first drive before the disk; without it nothing but the disk is tried first. */
export const BOOT_INDEX = { disk: 2, override: 1, ordinary: 3 }

/** The whole command line of one power-on. CD drives on AHCI, USB disks, a virtio disk, no network boot. */
export function qemuCommand(machine: QemuMachine): readonly string[] {
  const { serial, uuid, accelerator, media } = machine
  const forwards = machine.forwards.map((rule) => `,hostfwd=${rule}`).join('')
  return [
    ...['qemu-system-x86_64', '-nodefaults', '-machine', 'q35', ...accelerator.argv],
    ...['-smp', String(machine.cpus), '-m', String(machine.memoryMiB), '-display', 'none'],
    ...[
      '-uuid',
      uuid,
      '-smbios',
      `type=1,manufacturer=Provisioner,product=Virtual Server,serial=${serial},uuid=${uuid}`,
    ],
    ...['-drive', `if=pflash,format=raw,readonly=on,file=${FIRMWARE.code}`],
    ...['-drive', `if=pflash,format=raw,file=${machine.variables}`],
    // signal=off: Ctrl-C in the terminal of the tests is no input of the machine.
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-qmp', `tcp:127.0.0.1:${machine.qmpPort},server=off`],
    ...media.flatMap(({ drive, exportName }) => [
      '-blockdev',
      JSON.stringify(nbdNode(machine.nbdPort, drive, exportName)),
    ]),
    ...(machine.drives.includes('usb') ? ['-device', 'qemu-xhci'] : []),
    ...machine.drives.flatMap((kind, drive) => driveDevice(machine, kind, drive)),
    ...['-drive', `if=none,id=disk,file=${machine.disk},format=raw,cache=unsafe,discard=unmap`],
    ...['-device', `virtio-blk-pci,drive=disk,serial=${diskSerial(serial)},bootindex=${BOOT_INDEX.disk}`],
    ...['-device', 'virtio-rng-pci'],
    ...(machine.card ? ['-netdev', `user,id=net${forwards}`, '-device', 'virtio-net-pci,netdev=net,romfile='] : []),
  ]
}

/** A USB disk has blocks of 512 bytes: the firmware looks for a partition table there, not for El Torito. */
function driveDevice({ media, bootFrom }: QemuMachine, kind: DriveKind, drive: number): readonly string[] {
  const inserted = media.find((medium) => medium.drive === drive)
  const node = inserted === undefined ? '' : `,drive=${nodeName(drive, inserted.exportName)}`
  const index = bootFrom === 'cd' ? BOOT_INDEX.override : BOOT_INDEX.ordinary
  const boot = drive === 0 ? `,bootindex=${index}` : ''
  if (kind === 'cd') return ['-device', `ide-cd,id=${driveId(drive)},bus=ide.${drive}${node}${boot}`]
  return inserted === undefined ? [] : ['-device', `usb-storage,id=${driveId(drive)},removable=on${node}${boot}`]
}

export function driveId(drive: number): string {
  return `drive${drive}`
}

/** Block node of one medium; every insert has a name of its own, because a node stays until its drive lets go of it. */
export function nbdNode(port: number, drive: number, exportName: string): Readonly<Record<string, unknown>> {
  return {
    driver: 'nbd',
    'node-name': nodeName(drive, exportName),
    server: { type: 'inet', host: '127.0.0.1', port: String(port) },
    export: exportName,
    'read-only': true,
  }
}

export function nodeName(drive: number, exportName: string): string {
  return `${driveId(drive)}-${exportName}`
}

/** virtio-blk has room for 20 bytes. */
function diskSerial(serial: string): string {
  return `disk-${serial}`.slice(0, 20)
}
