import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { cached, contentKey } from './cache.ts'
import { osImage } from './os-image.ts'
import { mustInTools } from './programs.ts'
import { debianRoot } from './roots/roots.ts'

const SCRIPT = join(import.meta.dirname, 'roots', 'disk-image.sh')

/** The installable Debian as a whole-disk image, `raw.zst`; built on first use. */
export async function diskImage(): Promise<string> {
  const archive = await osImage()
  return cached({
    name: 'disk-image',
    ending: '.raw.zst',
    ingredients: [basename(archive), basename(await debianRoot('tools')), await contentKey(SCRIPT)],
    build: async (partial) => {
      const work = `${partial}.work`
      await mkdir(work)
      try {
        const binds = [
          { host: archive, inside: '/in/os.tar.zst', readonly: true },
          { host: SCRIPT, inside: '/script', readonly: true },
          { host: work, inside: '/out' },
        ]
        const argv = ['bash', '/script', '/in/os.tar.zst', '/out/disk.raw.zst']
        await mustInTools(argv, { binds, timeoutMs: 600_000 })
        await rename(join(work, 'disk.raw.zst'), partial)
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
  })
}
