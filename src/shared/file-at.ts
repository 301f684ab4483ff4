import type { FileHandle } from 'node:fs/promises'

/** Writes all of the bytes: write(2) may take less than it was given. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
  }
}

/** Fills `into`, for read(2) may give less than there is, and tells how many bytes it got: fewer only where the file ends. */
export async function readAt(file: FileHandle, into: Uint8Array, at: number): Promise<number> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, at + done)
    if (bytesRead === 0) return done
    done += bytesRead
  }
  return into.length
}
