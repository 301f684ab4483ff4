import type { Job } from '../jobs/machine.ts'
import type { ImageMap } from './boot-watch.ts'
import { imageMap } from './boot-watch.ts'
import type { FileMedium } from './medium.ts'
import { fileMedium } from './medium.ts'
import { regionsOf } from './served.ts'

export interface MaintenanceImage {
  readonly medium: FileMedium
  readonly map: ImageMap
}

/** The image that servers boot, and those before it for as long as jobs need them. */
export interface MaintenanceImages extends AsyncDisposable {
  /** For jobs that begin now. */
  readonly current: MaintenanceImage | undefined
  /** What a job began with, or would; undefined when it is not served any more. */
  of(job: Pick<Job, 'maintenance'>): MaintenanceImage | undefined
  /**
   * Takes the file for jobs that begin from now on; undefined: none do. A former image that none of `needed` names is
   * closed at the next exchange, so that a job which is just being prepared keeps it.
   * @throws `config-invalid` when it cannot be read
   */
  exchange(path: string | undefined, needed: () => ReadonlySet<string>): Promise<void>
}

export function maintenanceImages(signal: AbortSignal): MaintenanceImages {
  // The newest first.
  let former: readonly MaintenanceImage[] = []
  let current: MaintenanceImage | undefined
  let exchanging: Promise<void> = Promise.resolve()
  const close = ({ medium }: MaintenanceImage) => medium[Symbol.asyncDispose]()

  async function closeUnneeded(needed: ReadonlySet<string>): Promise<void> {
    const over = former.filter(({ medium }) => !needed.has(medium.etag))
    former = former.filter((image) => !over.includes(image))
    await Promise.all(over.map(close))
  }

  /** False of a file that was written to, with the same bytes even: what was opened before is not read any more. */
  const isReadable = ({ medium }: MaintenanceImage) =>
    medium.check(signal).then(
      () => true,
      () => signal.aborted,
    )

  async function exchange(path: string | undefined, needed: () => ReadonlySet<string>): Promise<void> {
    const next = path === undefined ? undefined : await openImage(path, signal)
    if (next !== undefined && next.medium.etag === current?.medium.etag && (await isReadable(current)))
      return close(next)
    await closeUnneeded(needed())
    if (current !== undefined) former = [current, ...former]
    current = next
  }

  return {
    get current() {
      return current
    },
    of({ maintenance }) {
      if (maintenance === null) return current
      return [current, ...former].find((image) => image?.medium.etag === maintenance)
    },
    exchange(path, needed) {
      // One after the other, or the slower of two would be the last.
      const mine = exchanging.then(() => exchange(path, needed))
      exchanging = mine.catch(() => undefined)
      return mine
    },
    async [Symbol.asyncDispose]() {
      await exchanging
      await Promise.all([...former, ...(current === undefined ? [] : [current])].map(close))
    },
  }
}

/** An image that is no ISO9660 still boots; then only its first read can be told. */
async function openImage(path: string, signal: AbortSignal): Promise<MaintenanceImage> {
  const medium = await fileMedium(path, signal)
  // Open from now on: whoever puts another file in its place takes it from no server that reads it.
  await medium.check(signal)
  const regions = await regionsOf(medium, signal).catch(() => [])
  return { medium, map: imageMap(medium.size, regions) }
}
