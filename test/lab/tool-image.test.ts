import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const words = (text: string) =>
  text
    .split(/\s+/)
    .filter((word) => /^[a-z]/.test(word))
    .sort()

/** Containerfile.tools builds on Debian what the lab builds with mmdebstrap, so what the VM tests run is what it lists. */
test("the lab's tool image has the packages that Containerfile.tools has on Debian", () => {
  const containerfile = readFileSync(join(ROOT, 'Containerfile.tools'), 'utf8')
  const script = readFileSync(join(ROOT, 'test/lab/roots/tool-image.sh'), 'utf8')
  const debian = /apt-get install -y --no-install-recommends \\\n([\s\S]*?) && \\/.exec(containerfile)?.[1]
  const lab = /packages=\(\n([\s\S]*?)\n\)/.exec(script)?.[1]
  expect(words(debian ?? '').length).toBeGreaterThan(10)
  expect(words(debian ?? '')).toEqual(words(lab ?? ''))
})
