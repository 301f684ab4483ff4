import { open } from 'node:fs/promises'
import { AppError } from '../shared/errors.ts'
import { readAt } from '../shared/file-at.ts'
import type { RootTree } from './root-tree.ts'

const REASON =
  'what bootc-image-builder makes with --type iso, anaconda-iso or bootc-installer is an installer, which erases the first ' +
  'disk of whatever server it boots on without a question. A maintenance OS boots live: build it from the image itself'

/** The standard identifier of a volume descriptor, in sector 16 (ECMA-119 8.1.2). */
const IDENTIFIER = { at: 16 * 2048 + 1, text: 'CD001' }

/** Refuses an ISO image where an image with a root file system is expected. @throws `boot-image` */
export async function refuseIso(from: string): Promise<void> {
  const path = from.replace(/^[a-z-]+:/, '')
  const head = Buffer.alloc(IDENTIFIER.text.length)
  try {
    await using file = await open(path, 'r')
    await readAt(file, head, IDENTIFIER.at)
  } catch {
    // No file of this machine: whoever opens it says so.
    return
  }
  if (head.toString('latin1') !== IDENTIFIER.text) return
  throw new AppError('boot-image', `Cannot build from "${from}": it is an ISO image. Also: ${REASON}`)
}

/** Refuses an image that is the environment of an installer (Anaconda's, as bootc-installer boots it). @throws `boot-image` */
export function refuseInstaller(tree: RootTree, name: string): void {
  const program = ['usr/bin/anaconda', 'usr/sbin/anaconda'].find((path) => tree.find(path) !== undefined)
  if (program === undefined) return
  throw new AppError('boot-image', `Cannot build from ${name}: it has /${program}, and ${REASON}`)
}
