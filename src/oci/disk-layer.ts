import { AppError } from '../shared/errors.ts'
import { isContainerImage } from './content-digest.ts'
import type { Descriptor, ImageManifest } from './manifest.ts'

const DISK_TYPE = /^application\/vnd\.diskimage\./
const DISK_NAME = /\.(raw|img|qcow2)(\.(gz|zst|zstd))?$/

/**
 * The one layer that has the whole-disk image: a lone layer, the one whose media type or file name says disk image, or of a
 * container disk the largest, for the others can only be small files beside the disk.
 */
export function chooseDiskLayer(image: ImageManifest): Descriptor {
  const { layers } = image
  const [first] = layers
  if (first === undefined) throw unusable('it has no layer')
  if (layers.length === 1) return first
  if (isContainerImage(image)) return layers.reduce((a, b) => (b.size > a.size ? b : a))
  const typed = layers.filter(({ mediaType }) => DISK_TYPE.test(mediaType))
  const named = layers.filter(({ title }) => DISK_NAME.test(title ?? ''))
  const candidates = typed.length > 0 ? typed : named
  const [chosen] = candidates
  if (chosen !== undefined && candidates.length === 1) return chosen
  throw unusable(`it has ${layers.length} layers, and ${candidates.length} of them say that they are disk images`)
}

function unusable(reason: string): AppError {
  return new AppError('registry-answer', `Cannot write the artifact: ${reason}`)
}
