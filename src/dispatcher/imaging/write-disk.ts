import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Digester } from '../../oci/digester.ts'
import { formatBytes } from '../../shared/byte-size.ts'
import { giveBack } from '../../shared/chunk-memory.ts'
import type { DiskOutput } from '../../shared/disk-output.ts'
import { diskOutput, pages } from '../../shared/disk-output.ts'
import { AppError } from '../../shared/errors.ts'
import type { Piece } from './pieces.ts'

/** One write: large enough for every disk and RAID stripe. Zeros are looked for in whole blocks. */
const BLOCK = 1 << 20
/** Writes under way. */
const WRITES = 4
/** Zeros as long as this are left to the device, shorter ones are written: a command costs some milliseconds. */
const ZERO_RUN = 4 * BLOCK
/** And at most so many at once, so that a stop is heard. */
const ZERO_STEP = 1024 * BLOCK
const ZEROS = pages(BLOCK)

export interface DiskArea {
  readonly path: string
  /** Where the first byte goes; a multiple of 1 MiB. */
  readonly start: number
  /** Where the area ends. */
  readonly end: number
  /** Makes a range read as zeros, both ends being multiples of 1 MiB. Undefined where zeros have to be written. */
  readonly zeroOut: ((offset: number, length: number) => Promise<void>) | undefined
}

export interface Written {
  readonly bytes: number
  /** Bytes of it that the device has made zero by itself. */
  readonly zeroedBytes: number
}

/**
 * Writes the pieces one behind the other, and takes them: their memory is given back. What was there before is never taken for
 * the zeros of the image. When it resolves everything is on the disk (fdatasync).
 * @throws `image-unusable` when they are more than the area takes, `step-failed` when the disk fails
 */
export async function writeDisk(
  area: DiskArea,
  pieces: AsyncIterable<Piece>,
  digester: Digester | undefined,
  signal: AbortSignal,
): Promise<Written> {
  // O_EXCL of a block device: nobody else may mount or claim it meanwhile (open(2)).
  const file = await open(area.path, constants.O_WRONLY | constants.O_EXCL).catch((cause: unknown) => {
    throw new AppError('step-failed', `Cannot open ${area.path}`, { cause })
  })
  const output = await diskOutput(file)
  const writer = blockWriter(output, area, digester, signal)
  try {
    for await (const piece of pieces) {
      signal.throwIfAborted()
      await ('zeros' in piece ? writer.zeros(piece.zeros) : writer.bytes(piece))
    }
    const written = await writer.finish()
    await file.datasync().catch((cause: unknown) => {
      throw cannotWrite(area, cause)
    })
    return written
  } finally {
    await writer.settle()
    await output[Symbol.asyncDispose]()
    await file.close()
  }
}

function cannotWrite({ path }: DiskArea, cause: unknown): AppError {
  return new AppError('step-failed', `Cannot write ${path}`, { cause })
}

function blockWriter(output: DiskOutput, area: DiskArea, digester: Digester | undefined, signal: AbortSignal) {
  const busy = Array.from({ length: WRITES }, () => Promise.resolve())
  let turn = 0
  /** What does not come in whole blocks is gathered in one. */
  let gathered: Buffer | undefined
  let filled = 0
  let offset = area.start
  let zeroRun = 0
  let zeroedBytes = 0
  let failed: unknown

  /** Fails at the next call; until then nobody waits for it. */
  const keep = (work: Promise<void>) =>
    work.catch((cause: unknown) => {
      failed ??= cause instanceof AppError ? cause : cannotWrite(area, cause)
    })

  function write(bytes: Uint8Array, position: number): void {
    busy[turn] = keep(output.write(bytes, position).finally(() => giveBack(bytes)))
    turn = (turn + 1) % WRITES
  }

  async function block(bytes: Uint8Array): Promise<void> {
    filled = 0
    if (bytes.length === BLOCK && ZEROS.equals(bytes)) {
      await zeroBlock(bytes)
      return giveBack(bytes)
    }
    await digester?.update(bytes)
    await endZeros()
    write(bytes, offset)
    offset += bytes.length
    await busy[turn]
    if (failed !== undefined) throw failed
  }

  async function zeroBlock(bytes: Uint8Array): Promise<void> {
    await digester?.update(bytes)
    zeroRun += BLOCK
    offset += BLOCK
    if (zeroRun >= ZERO_STEP) await endZeros()
    if (failed !== undefined) throw failed
  }

  async function endZeros(): Promise<void> {
    const [length, start] = [zeroRun, offset - zeroRun]
    zeroRun = 0
    if (length >= ZERO_RUN && area.zeroOut !== undefined) {
      await area.zeroOut(start, length)
      zeroedBytes += length
      return
    }
    for (let at = 0; at < length; at += BLOCK) await keep(output.write(ZEROS, start + at))
  }

  function checkRoom(length: number): void {
    if (offset + filled + length <= area.end) return
    const room = `it has more than the ${formatBytes(area.end - area.start)} that ${area.path} takes`
    throw new AppError('image-unusable', `Cannot write the image: ${room}`)
  }

  async function bytes(piece: Uint8Array): Promise<void> {
    checkRoom(piece.length)
    if (filled === 0 && piece.length === BLOCK) return block(piece)
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + BLOCK - filled)
      gathered ??= pages(BLOCK)
      gathered.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < BLOCK) continue
      const full = gathered
      gathered = undefined
      await block(full)
    }
    giveBack(piece)
  }

  return {
    bytes,
    async zeros(count: number): Promise<void> {
      checkRoom(count)
      for (let left = count; left > 0; ) {
        signal.throwIfAborted()
        const length = Math.min(left, BLOCK - filled)
        if (length === BLOCK) await zeroBlock(ZEROS)
        else await bytes(ZEROS.subarray(0, length))
        left -= length
      }
    },
    async finish(): Promise<Written> {
      if (gathered !== undefined) await block(gathered.subarray(0, filled))
      await endZeros()
      await Promise.all(busy)
      await keep(output.flushed())
      if (failed !== undefined) throw failed
      return { bytes: offset - area.start, zeroedBytes }
    },
    /** No write is under way any more. */
    settle: async () => void (await Promise.all(busy)),
  }
}
