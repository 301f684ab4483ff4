import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BCRYPT_ASSET } from '../src/shared/passwords/bcrypt.ts'
import { checkAddon } from './addon-check.ts'
import { bundle } from './bundle.ts'
import { filesBelow, ROOT } from './files.ts'
import { inputsDigest, ZSTD_ADDON } from './inputs.ts'
import { ZSTD_ASSET } from './native-addon-plugin.ts'
import { NOTICES_ASSET, thirdPartyNotices } from './notices.ts'
import { makeExecutable } from './sea.ts'

const DIST = join(ROOT, 'dist')
const EXECUTABLE = join(DIST, 'provisioner')
/** Holds the digest of what EXECUTABLE was made of. */
const STAMP = join(DIST, 'provisioner.inputs')

/** `npm run build`: makes dist/provisioner. `--if-changed` does nothing when it is up to date. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { 'if-changed': { type: 'boolean' } }, strict: true })
  const inputs = inputsDigest()
  if (values['if-changed'] && isFresh(inputs)) return console.log('dist/provisioner is up to date')

  const started = performance.now()
  mkdirSync(DIST, { recursive: true })
  const stage = mkdtempSync(join(DIST, '.stage-'))
  try {
    await makeIn(stage, inputs)
    publish(join(stage, 'provisioner'), inputs)
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(
    `dist/provisioner: ${(statSync(EXECUTABLE).size / 1e6).toFixed(1)} MB, build ${inputs.slice(0, 12)}, ${seconds} s`,
  )
}

async function makeIn(stage: string, inputs: string): Promise<void> {
  checkAddon(join(ROOT, ZSTD_ADDON))
  const { code, inputs: bundled } = await bundle('src/main.ts', inputs.slice(0, 12))
  const notices = join(stage, NOTICES_ASSET)
  writeFileSync(notices, thirdPartyNotices(bundled))
  const assets = new Map([
    ...[...filesBelow('assets'), ...filesBelow('docs'), 'Containerfile', 'Containerfile.tools', 'LICENSE'].map(
      (file) => [file, join(ROOT, file)] as const,
    ),
    [NOTICES_ASSET, notices],
    [ZSTD_ASSET, join(ROOT, ZSTD_ADDON)],
    [BCRYPT_ASSET, join(ROOT, BCRYPT_ASSET)],
  ])
  makeExecutable(stage, 'provisioner', code, assets)
}

function isFresh(inputs: string): boolean {
  try {
    return readFileSync(STAMP, 'utf8') === inputs && statSync(EXECUTABLE).size > 0
  } catch {
    return false // never built
  }
}

/** The executable appears whole or not at all, also after a power cut. */
function publish(file: string, inputs: string): void {
  rmSync(STAMP, { force: true })
  const handle = openSync(file, 'r')
  fsyncSync(handle)
  closeSync(handle)
  renameSync(file, EXECUTABLE)
  writeFileSync(STAMP, inputs)
}

await main()
