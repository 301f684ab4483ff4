import { expect, test } from 'vitest'
import { lintIso } from '../../../src/isobuilder/lint/lint.ts'
import { SECTION_BYTES } from '../../../src/isobuilder/tree.ts'
import { bytesOf, file, mediumOfPlan, patternSource, planOf } from '../image-bytes.ts'
import { lines } from './lint-image.ts'

const HEAD = 64 * 1024
const plan = planOf([{ path: 'big.img', source: patternSource(5 * 2 ** 30) }, file('z', 'end')])

/** What is wrong when the first bytes are changed like that; the rest is far too large to hold. */
async function lint(change: (head: Buffer, first: number, second: number) => unknown): Promise<string> {
  const head = Buffer.from(await bytesOf(plan, 0, HEAD))
  const first = head.indexOf('BIG.IMG;1') - 33
  change(head, first, head.indexOf('BIG.IMG;1', first + 34) - 33)
  const rest = mediumOfPlan(plan)
  const read = async (offset: number, length: number) =>
    offset + length <= HEAD ? head.subarray(offset, offset + length) : rest(offset, length)
  return lines(await lintIso(read, plan.size)).join('\n')
}

/** The record of the second section in the Joliet tree. */
function wideSecond(head: Buffer): number {
  return head.lastIndexOf(Buffer.from('big.img', 'utf16le').swap16()) - 33
}

function both32(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value, at)
  bytes.writeUInt32BE(value, at + 4)
}

test('a file above 4 GiB has no findings, and its contents are not read for that', async () => {
  expect(await lint(() => undefined)).toBe('')
})

test.for<[string, (head: Buffer, first: number, second: number) => unknown, RegExp]>([
  ['a section that does not go on', (b, first) => b.writeUInt8(0, first + 25), /error record-duplicate/],
  ['a last section that goes on', (b, _, second) => b.writeUInt8(0x80, second + 25), /error sections /],
  ['a section of no whole blocks', (b, first) => both32(b, first + 10, SECTION_BYTES - 1), /error sections /],
  [
    'a gap between the sections',
    (b, _, second) => both32(b, second + 2, b.readUInt32LE(second + 2) + 1),
    /error sections-apart/,
  ],
  ['another date in a later section', (b, _, second) => b.writeUInt8(2, second + 20), /error sections /],
  [
    'another mode in a later section',
    (b, _, second) => both32(b, b.indexOf('PX', second) + 4, 0o100644),
    /error sections /,
  ],
  [
    'another time in a later section',
    (b, _, second) => b.writeUInt8(2, b.indexOf('TF', second) + 7),
    /error sections /,
  ],
  ['another date of a later section in Joliet', (b) => b.writeUInt8(2, wideSecond(b) + 20), /error sections /],
  ['a section of another file', (b, _, second) => b.write('BIG.IMH;1', second + 33), /error sections /],
])('%s is noticed', async ([, change, finding]) => {
  expect(await lint(change)).toMatch(finding)
})
