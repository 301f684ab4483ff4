import { AppError } from '../shared/errors.ts'
import { SECTOR } from './constants.ts'

/** A medium as the reader sees it: every read gives what was asked for, or throws `iso-read`. */
export interface Medium {
  read(offset: number, length: number): Promise<Buffer>
  /**
   * Counts bytes of directories, of continuation areas and of paths. What a hostile image makes us hold or go through is
   * limited by this one number, however its parts refer to each other.
   */
  spend(bytes: number): void
}

/** A directory of a million files takes 200 MiB. */
const BUDGET = 512 * 1024 * 1024

/** `readAt` may give fewer bytes only at the end of the medium. `base` is where the image begins. */
export function openMedium(readAt: (offset: number, length: number) => Promise<Uint8Array>, base: number): Medium {
  let left = BUDGET
  return {
    async read(offset, length) {
      const bytes = await readAt(base + offset, length)
      if (bytes.byteLength !== length) {
        throw unreadable(`${length} bytes are expected at byte ${base + offset}, the medium has ${bytes.byteLength}`)
      }
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    },
    spend(bytes) {
      left -= bytes
      if (left < 0) throw unreadable(`its directories are larger than ${BUDGET} bytes`)
    },
  }
}

/** A 16-bit number that is recorded in both byte orders (ECMA-119 7.2.3). */
export function both16(bytes: Buffer, at: number, what: string): number {
  const value = bytes.readUInt16LE(at)
  if (bytes.readUInt16BE(at + 2) !== value) throw unreadable(`${what} differs between its two byte orders`)
  return value
}

/** A 32-bit number that is recorded in both byte orders (ECMA-119 7.3.3). */
export function both32(bytes: Buffer, at: number, what: string): number {
  const value = bytes.readUInt32LE(at)
  if (bytes.readUInt32BE(at + 4) !== value) throw unreadable(`${what} differs between its two byte orders`)
  return value
}

/** A part of the image, checked to lie inside its volume. */
export interface Section {
  readonly sector: number
  readonly bytes: number
}

/** @throws `iso-read` when the section is not inside the volume. */
export function checkInside({ sector, bytes }: Section, volumeBytes: number, what: string): void {
  if (bytes === 0) return
  if (sector * SECTOR + bytes > volumeBytes) throw unreadable(`${what} lies outside of the volume`)
}

export function unreadable(state: string): AppError<'iso-read'> {
  return new AppError('iso-read', `Cannot read the ISO9660 image: ${state}`)
}
