import { readTar } from '../../oci/tar/tar-read.ts'
import { compressionOf, decompressed, peek } from '../../shared/decompress.ts'
import { AppError } from '../../shared/errors.ts'
import type { Intake } from './intake.ts'
import { TABLE_HEAD_BYTES, type TableFacts, tableFacts } from './partition-table.ts'
import { isQcow2, parseQcow2Header, QCOW2_HEADER_BYTES } from './qcow2/header.ts'

/** A whole-disk image, as far as its first bytes tell. */
export type DiskImage = {
  /** The image as a file: of a raw one the disk itself, of a qcow2 what has to be converted. */
  readonly content: AsyncIterable<Uint8Array>
  /** Of that file; undefined when it is compressed. */
  readonly fileBytes: number | undefined
} & (
  | { readonly format: 'raw'; readonly table: TableFacts }
  /** `bytes` is the size of the disk that it describes. */
  | { readonly format: 'qcow2'; readonly bytes: number }
)

/** `/disk/` of a container disk has the image (KubeVirt "containerDisk"). */
const CONTAINER_DISK = /^(\.?\/)?disk\/[^/]+$/

/** Formats that look like nothing we write; the name is for the message. */
const FOREIGN: readonly (readonly [string, number, string])[] = [
  ['KDMV', 0, 'VMDK'],
  ['# Disk DescriptorFile', 0, 'VMDK'],
  ['vhdxfile', 0, 'VHDX'],
  ['conectix', 0, 'VHD'],
  ['<<< ', 0, 'VDI'],
  ['\xfd7zXZ', 0, 'xz'],
  ['BZh', 0, 'bzip2'],
  ['SQLite', 0, 'SQLite'],
]

/**
 * Looks into what was stored: gzip or zstd around it, an archive with a file below `disk/` around it, and the image itself.
 * Only content counts; names and media types are often wrong.
 * @throws `image-unusable`
 */
export async function openDiskImage(intake: Intake, layerBytes: number): Promise<DiskImage> {
  const stored = await peek(intake.stored, 512)
  const outer = await peek(intake.content(decompressed(stored.whole)), 512)
  const isPlain = compressionOf(stored.head) === 'none'
  if (outer.head.toString('latin1', 257, 262) !== 'ustar') {
    return imageOf(outer.whole, isPlain ? layerBytes : undefined)
  }
  const file = await fileInArchive(outer.whole)
  const inner = await peek(file.content, 512)
  const isPlainInside = compressionOf(inner.head) === 'none'
  return imageOf(decompressed(inner.whole), isPlainInside ? file.bytes : undefined)
}

async function imageOf(source: AsyncIterable<Uint8Array>, fileBytes: number | undefined): Promise<DiskImage> {
  const { head, whole } = await peek(source, Math.max(TABLE_HEAD_BYTES, QCOW2_HEADER_BYTES))
  if (isQcow2(head)) return { format: 'qcow2', content: whole, fileBytes, bytes: parseQcow2Header(head).bytes }
  const foreign = FOREIGN.find(([magic, at]) => head.toString('latin1', at, at + magic.length) === magic)
  if (foreign !== undefined) throw unusable(`it is ${foreign[2]}, and raw and qcow2 are written`)
  return { format: 'raw', content: whole, fileBytes, table: tableOf(head) }
}

/** Of a disk, by its first bytes. @throws `image-unusable` */
export function tableOf(head: Buffer): TableFacts {
  const table = tableFacts(head)
  if (table !== undefined) return table
  throw unusable('it has no partition table, so it is no image of a whole disk')
}

interface ArchivedFile {
  readonly bytes: number
  readonly content: AsyncIterable<Uint8Array>
}

/** The one image in the archive. Behind its content the rest is read too, and may have no second one. */
async function fileInArchive(source: AsyncIterable<Uint8Array>): Promise<ArchivedFile> {
  const members = readTar(source, 'the archive in the layer')
  const isImage = ({ type, path }: { type: string; path: string }) => type === 'file' && CONTAINER_DISK.test(path)
  for (let next = await members.next(); !next.done; next = await members.next()) {
    const { header, content } = next.value
    if (!isImage(header)) continue
    return { bytes: header.size, content: thenRest(content()) }
  }
  throw unusable('it is an archive without a file in "disk/"')

  async function* thenRest(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* content
      for await (const { header } of members) {
        if (isImage(header))
          throw unusable(`it is an archive with two files in "disk/"; the second is "${header.path}"`)
      }
    } finally {
      await members.return(undefined)
    }
  }
}

function unusable(reason: string): AppError {
  return new AppError('image-unusable', `Cannot write the image: ${reason}`)
}
