import type { Block } from './block.ts'
import { BLOCK, byteAt, le32, mustBeZero, part } from './block.ts'
import type { Report } from './finding.ts'
import type { LintMedium } from './medium.ts'
import type { Space } from './space.ts'
import type { Volume } from './volume.ts'
import { lintVolume } from './volume.ts'

/** What the descriptors lead to. */
export interface Descriptors {
  readonly primary: Volume | undefined
  readonly joliet: Volume | undefined
  /** Sector of the El Torito boot catalog. */
  readonly bootCatalog: number | undefined
}

/** ECMA-119 6.2.1, 8.1.1. */
const FIRST = 16
const TYPE = { boot: 0, primary: 1, supplementary: 2, partition: 3, terminator: 255 } as const

/** Linux looks no further (fs/isofs/inode.c, isofs_fill_super). */
const LAST = 99

/** El Torito fixes the place of its boot record (El Torito 2.0). */
const BOOT_RECORD = 17

const EL_TORITO = 'EL TORITO SPECIFICATION'

/** Reads the descriptors from sector 16 to the terminator and checks each, and their order. */
export async function lintDescriptors(report: Report, medium: LintMedium, space: Space): Promise<Descriptors> {
  let found: Descriptors = { primary: undefined, joliet: undefined, bootCatalog: undefined }
  let isTerminated = false
  for (let sector = FIRST; sector <= LAST && !isTerminated; sector++) {
    const block = await medium.block(sector * BLOCK, BLOCK, 'a volume descriptor')
    if (block === undefined || block.bytes.toString('latin1', 1, 6) !== 'CD001') break
    space.take({ start: block.offset, length: BLOCK, kind: 'metadata', what: `the descriptor in sector ${sector}` })
    isTerminated = byteAt(block, 0) === TYPE.terminator
    if (isTerminated) lintTerminator(report, block)
    else found = lintDescriptor(report, block, sector, found)
  }
  const offset = FIRST * BLOCK
  if (found.primary === undefined) report.add('no-volume', offset, 'there is no primary volume descriptor')
  if (!isTerminated) report.add('no-terminator', offset, 'the volume descriptors have no terminator')
  return found
}

function lintDescriptor(report: Report, block: Block, sector: number, found: Descriptors): Descriptors {
  const type = byteAt(block, 0)
  const tell = (state: string) => report.add('descriptor-order', block.offset, `${state} in sector ${sector}`)
  const version = byteAt(block, 6)
  if (type === TYPE.supplementary && version === 2) {
    // Windows stops at the first version that is not 1, and does not see what comes after it.
    report.add('descriptor-unknown', block.offset + 6, 'an enhanced descriptor (ISO 9660:1999) hides what follows it')
    return found
  }
  if (version !== 1) report.add('descriptor-version', block.offset + 6, `the descriptor version is ${version}, not 1`)
  if (sector === FIRST && type !== TYPE.primary) tell('no primary descriptor')

  if (type === TYPE.primary && found.primary === undefined) {
    return { ...found, primary: lintVolume(report, block, 'primary') }
  }
  if (type === TYPE.supplementary && found.joliet === undefined && /^%\/[@CE]/.test(escapeOf(block))) {
    return { ...found, joliet: lintVolume(report, block, 'joliet') }
  }
  if (type === TYPE.boot && block.bytes.toString('latin1', 7, 30) === EL_TORITO) {
    if (sector !== BOOT_RECORD) tell('the El Torito boot record')
    mustBeZero(report, 'boot-record', part(block, 30, 71), 'the end of the boot system identifier')
    mustBeZero(report, 'boot-record', part(block, 75), 'what is behind the place of the boot catalog')
    return { ...found, bootCatalog: le32(block, 71) }
  }
  report.add('descriptor-unknown', block.offset, `the descriptor of type ${type} in sector ${sector} is not known`)
  return found
}

function escapeOf(block: Block): string {
  return block.bytes.toString('latin1', 88, 91)
}

/** Version 1 and zeros (ECMA-119 8.3); libarchive refuses version 0. */
function lintTerminator(report: Report, block: Block): void {
  const version = byteAt(block, 6)
  if (version !== 1) report.add('descriptor-version', block.offset + 6, `the terminator has version ${version}, not 1`)
  mustBeZero(report, 'unused-field', part(block, 7), 'the terminator')
}
