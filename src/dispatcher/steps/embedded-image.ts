import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TOOL_STORE } from '../../shared/task/tool-image.ts'

/**
 * Whether the medium brings the image. podman says the same, but takes seconds for it on a slow machine; whether the image can
 * be used is found out by the first step, which starts it.
 */
export async function isEmbedded(name: string, store = TOOL_STORE): Promise<boolean> {
  // containers/storage, images.go: a list of images with their names. What is wrong with the store podman says best.
  const images = await readFile(join(store, 'overlay-images/images.json'), 'utf8')
    .then((text) => JSON.parse(text) as readonly { readonly names?: readonly string[] }[])
    .catch(() => [])
  return images.some(({ names }) => names?.includes(name) === true)
}
