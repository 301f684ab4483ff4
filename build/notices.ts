import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { byCodeUnit, ROOT } from './files.ts'
import { NODE_PACKAGE } from './inputs.ts'

/** Where the executable keeps the licences of everything that is not ours. */
export const NOTICES_ASSET = 'third-party-notices.txt'

/** Parts of the executable that the bundler does not see: Node itself, the C library inside zstd-napi, a thread's source. */
const UNBUNDLED = [NODE_PACKAGE, 'node_modules/zstd-napi/deps/zstd', 'node_modules/bcryptjs']

const NOTICE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i

/** The licence and notice files of every package with a file in `bundled` (paths below the checkout), one text. */
export function thirdPartyNotices(bundled: readonly string[]): string {
  const packages = new Set([...bundled.flatMap(packageDirectory), ...UNBUNDLED])
  return [...packages].sort(byCodeUnit).map(section).join('\n')
}

function packageDirectory(file: string): string[] {
  const found = /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)
  return found?.[1] === undefined ? [] : [found[1]]
}

function section(directory: string): string {
  const texts = readdirSync(join(ROOT, directory))
    .filter((name) => NOTICE_FILE.test(name))
    .sort(byCodeUnit)
    .map((name) => readFileSync(join(ROOT, directory, name), 'utf8').trim())
  const { title, license } = describe(directory)
  if (texts.length === 0 && license === undefined)
    throw new Error(`Cannot name the licence of ${directory}: it has none`)
  const head = `${'='.repeat(80)}\n${title}${license === undefined ? '' : ` (${license})`}\n${'='.repeat(80)}\n`
  return `${head}\n${texts.join('\n\n')}\n`
}

function describe(directory: string): { title: string; license: string | undefined } {
  const file = join(ROOT, directory, 'package.json')
  if (!existsSync(file)) return { title: directory.slice(directory.lastIndexOf('/') + 1), license: undefined }
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { name: string; version: string; license?: string }
  return { title: `${manifest.name} ${manifest.version}`, license: manifest.license }
}
