import { AppError } from '../shared/errors.ts'
import type { Segment, SegmentedImage } from './segments.ts'
import { segmentedImage } from './segments.ts'
import type { Source } from './source.ts'
import { bytesSource } from './source.ts'

/** The parts of a unified kernel image (UAPI Group specification, "Unified Kernel Image"). */
export interface UkiParts {
  /** `linuxx64.efi.stub` of systemd-boot: a UEFI program that starts the kernel in its own section. */
  readonly stub: Uint8Array
  readonly linux: Source
  readonly initrd: Source
  readonly commandLine: string
  /** As `uname -r` of the kernel. */
  readonly release: string
  /** Text of os-release(5). */
  readonly osRelease: string
}

/** Fields of the headers of a 64-bit program (Microsoft PE format, "COFF File Header" and "Optional Header"). */
const PE = { signature: 0x3c, sections: 2, optionalBytes: 16, headBytes: 20, magic64: 0x20b }
const OPTIONAL = {
  initialised: 8,
  sectionAlignment: 32,
  fileAlignment: 36,
  imageBytes: 56,
  headerBytes: 60,
  checksum: 64,
}
const DLL_CHARACTERISTICS = 70
/** Entry 4 of the data directories: a signature over the file, which would be wrong afterwards. */
const CERTIFICATES = 112 + 4 * 8
const SECTION_BYTES = 40

/** Section flags: initialised data; code for the kernel, which old kernels run in place; readable. */
const FLAGS = { data: 0x40000040, code: 0x40000020 } as const
const NX_COMPATIBLE = 0x100

/**
 * A program that UEFI starts: the stub with kernel, initrd and command line behind it, as `ukify build` makes it. Kernel
 * and initrd stay where they are. The result is not signed.
 * @throws `boot-image` when the stub is not what is expected
 */
export async function planUki(parts: UkiParts, signal?: AbortSignal): Promise<SegmentedImage> {
  const stub = Buffer.from(parts.stub)
  const headers = headersOf(stub)
  addSbatLine(stub, headers)
  // The whole program and the kernel in it must agree about that, or firmware that enforces it refuses one of them.
  const isKernelNx = await isNxCompatible(parts.linux, signal)
  const sections = [
    { name: '.osrel', content: bytesSource(Buffer.from(parts.osRelease)), flags: FLAGS.data },
    { name: '.cmdline', content: bytesSource(Buffer.from(parts.commandLine)), flags: FLAGS.data },
    { name: '.uname', content: bytesSource(Buffer.from(parts.release)), flags: FLAGS.data },
    { name: '.linux', content: parts.linux, flags: FLAGS.code },
    { name: '.initrd', content: parts.initrd, flags: FLAGS.data },
  ]
  return append(stub, headers, sections, isKernelNx)
}

const SBAT_LINE = 'uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/'

interface Headers {
  /** Offsets of the COFF header, the optional header and the section table. */
  readonly coff: number
  readonly optional: number
  readonly table: number
  readonly count: number
  readonly sectionAlignment: number
  readonly fileAlignment: number
  /** Bytes up to which section headers may stand. */
  readonly headerBytes: number
}

interface Section {
  readonly name: string
  readonly content: Source
  readonly flags: number
}

function headersOf(stub: Buffer): Headers {
  const refuse = (state: string) => new AppError('boot-image', `Cannot use the boot stub: ${state}`)
  const start = stub.length > 0x200 && stub.toString('latin1', 0, 2) === 'MZ' ? stub.readUInt32LE(PE.signature) : 0
  if (start === 0 || start > stub.length - 0x200 || stub.toString('latin1', start, start + 4) !== 'PE\0\0') {
    throw refuse('it is no PE program')
  }
  const coff = start + 4
  const optional = coff + PE.headBytes
  if (stub.readUInt16LE(optional) !== PE.magic64) throw refuse('it is no 64-bit program')
  if (stub.readUInt32LE(optional + CERTIFICATES) !== 0) throw refuse('it is signed, and a change breaks the signature')
  const count = stub.readUInt16LE(coff + PE.sections)
  const table = optional + stub.readUInt16LE(coff + PE.optionalBytes)
  const headerBytes = stub.readUInt32LE(optional + OPTIONAL.headerBytes)
  if (table + count * SECTION_BYTES > stub.length) throw refuse('its section table is outside of it')
  return {
    ...{ coff, optional, table, count, headerBytes },
    sectionAlignment: stub.readUInt32LE(optional + OPTIONAL.sectionAlignment),
    fileAlignment: stub.readUInt32LE(optional + OPTIONAL.fileAlignment),
  }
}

function append(stub: Buffer, headers: Headers, sections: readonly Section[], isKernelNx: boolean): SegmentedImage {
  const { coff, optional, table, count, sectionAlignment, fileAlignment, headerBytes } = headers
  const room = Math.floor((headerBytes - table) / SECTION_BYTES)
  if (count + sections.length > room) {
    const state = `it has ${count} sections, ${sections.length} more are needed, and its headers end after ${room}`
    throw new AppError('boot-image', `Cannot use the boot stub: ${state}`)
  }
  const last = table + (count - 1) * SECTION_BYTES
  let address = stub.readUInt32LE(last + 12) + stub.readUInt32LE(last + 8)
  let end = stub.length
  let added = 0
  const segments: Segment[] = [{ start: 0, length: stub.length, bytes: stub }]
  for (const [index, { name, content, flags }] of sections.entries()) {
    const start = roundUp(end, fileAlignment)
    address = roundUp(address, sectionAlignment)
    const at = table + (count + index) * SECTION_BYTES
    stub.fill(0, at, at + SECTION_BYTES)
    stub.write(name, at, 'latin1')
    stub.writeUInt32LE(content.size, at + 8)
    stub.writeUInt32LE(address, at + 12)
    stub.writeUInt32LE(roundUp(content.size, fileAlignment), at + 16)
    stub.writeUInt32LE(start, at + 20)
    stub.writeUInt32LE(flags, at + 36)
    if (content.size > 0) segments.push({ start, length: content.size, source: content, offset: 0 })
    end = start + content.size
    address += content.size
    added += content.size
  }
  stub.writeUInt16LE(count + sections.length, coff + PE.sections)
  stub.writeUInt32LE(stub.readUInt32LE(optional + OPTIONAL.initialised) + added, optional + OPTIONAL.initialised)
  stub.writeUInt32LE(roundUp(address, sectionAlignment), optional + OPTIONAL.imageBytes)
  stub.writeUInt32LE(0, optional + OPTIONAL.checksum)
  if (!isKernelNx) {
    const flags = stub.readUInt16LE(optional + DLL_CHARACTERISTICS)
    stub.writeUInt16LE(flags & ~NX_COMPATIBLE, optional + DLL_CHARACTERISTICS)
  }
  return segmentedImage(roundUp(end, fileAlignment), segments)
}

/**
 * Adds the line by which revocation lists (SBAT) speak of unified kernel images, where the section has room for it. The
 * text ends with a NUL.
 */
function addSbatLine(stub: Buffer, { table, count }: Headers): void {
  for (let at = table; at < table + count * SECTION_BYTES; at += SECTION_BYTES) {
    if (stub.toString('latin1', at, at + 8) !== '.sbat\0\0\0') continue
    const start = stub.readUInt32LE(at + 20)
    const content = stub.subarray(start, start + stub.readUInt32LE(at + 16))
    const end = content.indexOf(0)
    const line = Buffer.from(`${SBAT_LINE}\n\0`)
    if (end === -1 || end + line.length > content.length) return
    content.fill(0, end)
    line.copy(content, end)
    stub.writeUInt32LE(end + line.length, at + 8)
  }
}

/** @throws `boot-image` when the kernel has no EFI stub: nothing could start it */
async function isNxCompatible(linux: Source, signal: AbortSignal | undefined): Promise<boolean> {
  const head = Buffer.from(await linux.read(0, Math.min(linux.size, 4096), signal))
  const start = head.length >= 0x40 && head.toString('latin1', 0, 2) === 'MZ' ? head.readUInt32LE(PE.signature) : 0
  if (start === 0 || start > head.length - 0x80 || head.toString('latin1', start, start + 4) !== 'PE\0\0') {
    throw new AppError('boot-image', 'Cannot use the kernel: it is no program that UEFI can start (CONFIG_EFI_STUB)')
  }
  return (head.readUInt16LE(start + 4 + PE.headBytes + DLL_CHARACTERISTICS) & NX_COMPATIBLE) !== 0
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to
}
