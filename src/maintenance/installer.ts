import { open } from 'node:fs/promises'
import { FIRST_DESCRIPTOR, SECTOR, STANDARD_IDENTIFIER } from '../isobuilder/constants.ts'
import { AppError } from '../shared/errors.ts'
import { readAt } from '../shared/file-at.ts'
import type { RootTree } from './root-tree.ts'

const REASON =
  'what bootc-image-builder makes with --type iso, anaconda-iso or bootc-installer is an installer, which erases the first ' +
  'disk of whatever server it boots on without a question. A maintenance OS boots live: build it from the image itself'

/** Refuses an ISO image where an image with a root file system is expected. @throws `boot-image` */
export async function refuseIso(from: string): Promise<void> {
  const path = from.replace(/^[a-z-]+:/, '')
  const head = Buffer.alloc(STANDARD_IDENTIFIER.length)
  try {
    await using file = await open(path, 'r')
    await readAt(file, head, FIRST_DESCRIPTOR * SECTOR + 1)
  } catch {
    // No file of this machine: whoever opens it says so.
    return
  }
  if (head.toString('latin1') !== STANDARD_IDENTIFIER) return
  throw new AppError('boot-image', `Cannot build from "${from}": it is an ISO image. Also: ${REASON}`)
}

/** Refuses an image that is the environment of an installer (Anaconda's, as bootc-installer boots it). @throws `boot-image` */
export function refuseInstaller(tree: RootTree, name: string): void {
  const program = ['usr/bin/anaconda', 'usr/sbin/anaconda'].find((path) => tree.find(path) !== undefined)
  if (program === undefined) return
  throw new AppError('boot-image', `Cannot build from ${name}: it has /${program}, and ${REASON}`)
}
