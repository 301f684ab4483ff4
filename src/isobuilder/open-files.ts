import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { cannot } from '../shared/system-error.ts'

/** Files that stay open between reads: an image is read in thousands of small ranges. */
export interface OpenFiles {
  /** Opens the file, or takes it as it is open, for the time of `use`. @throws `iso-plan` when it cannot be opened */
  use<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T>
  /** From now on nothing stays open: a file in use is closed by its last user. */
  close(): Promise<void>
}

/** Descriptors kept; a process has a thousand or more, and a plan of twenty thousand files must not take them all. */
const KEPT = 64

interface Entry {
  readonly file: Promise<FileHandle>
  users: number
}

/** The files used last stay open, `kept` of them; one in use is closed by none but its last user. */
export function openFiles(kept: number = KEPT): OpenFiles {
  // In the order of use: the first is the one not used for longest.
  const entries = new Map<string, Entry>()
  let limit = kept

  async function shrink(): Promise<void> {
    for (const [path, entry] of entries) {
      if (entries.size <= limit) return
      if (entry.users > 0) continue
      entries.delete(path)
      await (await entry.file).close()
    }
  }

  return {
    async use(path, use) {
      const entry = entries.get(path) ?? { file: open(path, 'r').catch(cannot('iso-plan', `open "${path}"`)), users: 0 }
      entries.delete(path)
      entries.set(path, entry)
      entry.users++
      try {
        return await use(await entry.file)
      } catch (error) {
        // A file that could not be opened, or is not what it was, is opened anew next time.
        if (entries.get(path) === entry && entry.users === 1) {
          entries.delete(path)
          await entry.file.then(
            (file) => file.close(),
            () => undefined,
          )
        }
        throw error
      } finally {
        entry.users--
        await shrink()
      }
    },
    close() {
      limit = 0
      return shrink()
    },
  }
}
