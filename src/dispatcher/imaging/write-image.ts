import type { Digester } from '../../oci/digester.ts'
import { AppError } from '../../shared/errors.ts'
import { type DiskImage, tableOf } from './disk-image.ts'
import { hashThread } from './hash-thread.ts'
import type { Intake } from './intake.ts'
import type { Meter } from './meter.ts'
import { TABLE_HEAD_BYTES, type TableFacts } from './partition-table.ts'
import { counted, headOf, type Piece } from './pieces.ts'
import { qcow2Pieces } from './qcow2/clusters.ts'
import { readBack } from './read-back.ts'
import { openSpool, type SpoolRequest, withReader } from './spool.ts'
import type { DiskArea, Written } from './write-disk.ts'
import { writeDisk } from './write-disk.ts'

export interface WriteRequest {
  readonly image: DiskImage
  readonly intake: Pick<Intake, 'assertComplete'>
  readonly disk: SpoolRequest['disk']
  /** Throws when this disk could not boot by the table; a qcow2 shows it only once all of its file is there. */
  readonly checkTable: (table: TableFacts) => void
  readonly memory: SpoolRequest['memory']
  /** Of a phase that reads no byte of the artifact. */
  readonly startMeter: (what: string, total: number) => Pick<Meter, 'add'>
  /** Makes the kernel forget what it knows of the disk's content; undefined reads nothing back. */
  readonly forget: (() => Promise<void>) | undefined
}

export interface WrittenImage extends Written {
  /** Of what is on the disk; undefined when it was not read back. */
  readonly digest: string | undefined
}

/**
 * Puts the image onto the disk: a raw one in one pass as it arrives, a qcow2 by way of a spool, checked before it is believed.
 * @throws `digest-mismatch`, `disk-refused`, `image-unusable`, `read-back`, `step-failed`
 */
export async function writeImage(request: WriteRequest, signal: AbortSignal): Promise<WrittenImage> {
  const { image, intake, disk } = request
  const area = { path: disk.path, start: 0, end: disk.bytes, zeroOut: disk.zeroOut }
  if (image.format === 'raw') {
    const written = await writeChecked(area, image.content, request, signal)
    intake.assertComplete()
    return written
  }
  await using stack = new AsyncDisposableStack()
  const { fileBytes, bytes: imageBytes } = image
  const spool = await openSpool({ disk, imageBytes, fileBytes, memory: request.memory })
  stack.defer(() => spool.remove())
  const file = await writeChecked(spool.area, image.content, request, signal)
  intake.assertComplete()
  const convert = async (readAt: Parameters<typeof qcow2Pieces>[0]) => {
    request.checkTable(tableOf(await headOf(qcow2Pieces(readAt, file.bytes), TABLE_HEAD_BYTES)))
    const pieces = counted(qcow2Pieces(readAt, file.bytes), request.startMeter('converting', imageBytes))
    return writeChecked({ ...area, end: imageBytes }, pieces, request, signal)
  }
  return await withReader(spool.area, convert)
}

/** Writes, and if it is asked for reads back and compares. */
async function writeChecked(
  area: DiskArea,
  pieces: AsyncIterable<Piece>,
  { forget, startMeter }: Pick<WriteRequest, 'forget' | 'startMeter'>,
  signal: AbortSignal,
): Promise<WrittenImage> {
  if (forget === undefined) return { ...(await writeDisk(area, pieces, undefined, signal)), digest: undefined }
  using expected = hashThread('sha256')
  const written = await writeDisk(area, pieces, expected, signal)
  await forget()
  const digest = await compare(area, written, expected, startMeter('reading back', written.bytes), signal)
  return { ...written, digest: `sha256:${digest}` }
}

async function compare(
  area: DiskArea,
  { bytes }: Written,
  expected: Digester,
  meter: Pick<Meter, 'add'>,
  signal: AbortSignal,
): Promise<string> {
  const wanted = await expected.digest()
  using actual = hashThread('sha256')
  const found = await readBack(area, bytes, actual, meter, signal)
  if (found === wanted) return found
  const state = `${bytes} bytes with sha256:${wanted} were written, and it gives sha256:${found}`
  throw new AppError('read-back', `Cannot trust ${area.path}: ${state}`)
}
