import { expect, test } from 'vitest'
import type { Fault } from './faulty-image.ts'
import { both32, dataImage, entry, foundIn, little, PVD, record, SECTOR } from './faulty-image.ts'

const ROCK_RIDGE: readonly Fault[] = [
  ['no SP', (b) => b.write('XX', little(b, PVD + 158) + 34), 'rock-ridge-missing'],
  ['SP with other check bytes', (b) => b.write('BA', little(b, PVD + 158) + 38), 'rock-ridge'],
  ['SP that skips', (b) => b.writeUInt8(1, little(b, PVD + 158) + 40), 'rock-ridge'],
  ['ER of something else', (b) => b.write('RRIP_2991A', b.indexOf('RRIP_1991A')), 'rock-ridge'],
  ['ER in other words', (b) => b.write('A', b.indexOf('THE ROCK RIDGE')), 'rock-ridge-text'],
  ['PX with mode 0', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 4, 0), 'rock-ridge'],
  ['PX, big-endian half', (b) => b.writeUInt8(1, entry(b, 'RECIPE.JSON;1', 'PX') + 8), 'both-endian'],
  ['PX of another mode', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 4, 0o100644), 'fixed-mode'],
  ['PX of an owner', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 20, 1000), 'fixed-mode'],
  ['PX of two links', (b) => both32(b, entry(b, 'RECIPE.JSON;1', 'PX') + 12, 2), 'rock-ridge-links'],
  ['PX is not there', (b) => b.write('PY', entry(b, 'RECIPE.JSON;1', 'PX')), 'rock-ridge-missing'],
  ['PX too short', (b) => b.writeUInt8(35, entry(b, 'RECIPE.JSON;1', 'PX') + 2), 'rock-ridge'],
  ['PX of version 2', (b) => b.writeUInt8(2, entry(b, 'RECIPE.JSON;1', 'PX') + 3), 'susp-entry'],
  ['TF with month 0', (b) => b.writeUInt8(0, entry(b, 'RECIPE.JSON;1', 'TF') + 6), 'record-date'],
  ['TF with more flags than dates', (b) => b.writeUInt8(0x0f, entry(b, 'RECIPE.JSON;1', 'TF') + 4), 'rock-ridge'],
  ['TF with other flags', (b) => b.writeUInt8(0x0d, entry(b, 'RECIPE.JSON;1', 'TF') + 4), 'fixed-date'],
  ['NM too long', (b) => b.writeUInt8(200, entry(b, 'RECIPE.JSON;1', 'NM') + 2), 'susp-entry'],
  ['NM too short', (b) => b.writeUInt8(8, entry(b, 'RECIPE.JSON;1', 'NM') + 2), 'susp-entry'],
  ['NM with flags', (b) => b.writeUInt8(2, entry(b, 'RECIPE.JSON;1', 'NM') + 4), 'rock-ridge-name'],
  ['NM that goes on', (b) => b.writeUInt8(1, entry(b, 'RECIPE.JSON;1', 'NM') + 4), 'rock-ridge-name'],
  ['NM with a slash', (b) => b.write('/', entry(b, 'RECIPE.JSON;1', 'NM') + 6), 'rock-ridge-name'],
  ['NM of another name', (b) => b.write('R', entry(b, 'RECIPE.JSON;1', 'NM') + 5), 'joliet-name'],
  ['NM is not there', (b) => b.write('NX', entry(b, 'RECIPE.JSON;1', 'NM')), 'rock-ridge-missing'],
  ['SL with an unknown component', (b) => b.writeUInt8(0x10, entry(b, 'LATEST.;1', 'SL') + 5), 'rock-ridge'],
  ['SL on a file', (b) => both32(b, entry(b, 'LATEST.;1', 'PX') + 4, 0o100444), 'rock-ridge-kind'],
  ['CE into another sector', (b) => both32(b, entry(b, 'NNNN', 'CE') + 12, 2040), 'continuation'],
  ['CE outside', (b) => both32(b, entry(b, 'NNNN', 'CE') + 4, 99_999), 'continuation'],
  ['CE of another size', (b) => both32(b, entry(b, 'NNNN', 'CE') + 20, 50), 'susp-entry'],
  ['CE to itself', ceToItself, 'continuation'],
  ['SP behind PX', spBehind, 'susp-order'],
  ['CE before TF', ceBefore, 'susp-order'],
  ['nothing where NM was', nothingBehind, 'susp-padding'],
  ['"." of mode 0', (b) => both32(b, little(b, record(b, 'DRIVERS') + 2) + 34 + 4, 0), 'rock-ridge-dot'],
  ['an unknown entry', (b) => b.write('QQ', entry(b, 'RECIPE.JSON;1', 'TF')), 'susp-unknown'],
]

/** The area is the CE entry that leads to it. */
function ceToItself(bytes: Buffer): void {
  const at = entry(bytes, 'NNNN', 'CE')
  both32(bytes, at + 4, Math.floor(at / SECTOR))
  both32(bytes, at + 12, at % SECTOR)
  both32(bytes, at + 20, 28)
}

/** SP has 7 bytes, PX 36. */
function spBehind(bytes: Buffer): void {
  const at = little(bytes, PVD + 158) + 34
  const sp = Buffer.from(bytes.subarray(at, at + 7))
  bytes.copyWithin(at, at + 7, at + 43)
  sp.copy(bytes, at + 36)
}

/** TF has 26 bytes, CE 28. */
function ceBefore(bytes: Buffer): void {
  const at = entry(bytes, 'NNNN', 'TF')
  const tf = Buffer.from(bytes.subarray(at, at + 26))
  bytes.copyWithin(at, at + 26, at + 54)
  tf.copy(bytes, at + 28)
}

function nothingBehind(bytes: Buffer): void {
  const start = record(bytes, 'RECIPE.JSON;1')
  bytes.fill(0, entry(bytes, 'RECIPE.JSON;1', 'NM'), start + (bytes[start] ?? 0))
}

test.for(ROCK_RIDGE)('noticed: %s', async (fault) => {
  expect(await foundIn(dataImage, fault)).toContain(`error ${fault[2]} `)
})
