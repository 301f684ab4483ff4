import { expect } from 'vitest'
import type { FindingCode } from '../../../src/isobuilder/lint/finding.ts'
import { planIso } from '../../../src/isobuilder/plan.ts'
import { bytesSource } from '../../../src/isobuilder/source.ts'
import type { Entry } from '../../../src/isobuilder/tree.ts'
import { bytesOf, file, imageOf } from '../image-bytes.ts'
import { lines, lintBytes } from './lint-image.ts'

/** Good images, and the places in them where a fault can be injected. */

export const SECTOR = 2048
/** First byte of the primary descriptor. */
export const PVD = 16 * SECTOR
/** Of the Joliet descriptor in the image without boot code. */
export const SVD = 17 * SECTOR

const TREE: readonly Entry[] = [
  file('recipe.json', '{}\n'),
  file('user-data', '#cloud-config\n'),
  file('ks.cfg', ''),
  file('drivers/a.bin', 'a'.repeat(3000)),
  file('drivers/more/b.bin', 'b'),
  file('firmware/c.bin', 'c'),
  file('firmware/C.bin', 'C'),
  file('firmware/d?', 'd'),
  file('firmware/d_', 'D'),
  { path: 'drivers/latest', symlink: '../drivers/a.bin' },
  file('n'.repeat(200), 'long'),
]

export const dataImage = await imageOf(TREE, 'TASK_FAULTS')
export const bootImage = await bootable('gpt')
/** Without a partition table. */
export const discImage = await bootable('none')

async function bootable(hybrid: 'gpt' | 'none'): Promise<Buffer> {
  const esp = Buffer.alloc(256 * 1024)
  esp.fill('esp', 0, 128 * 1024)
  const options = { esp: bytesSource(esp), bios: { image: Buffer.alloc(5000, 'bios') } }
  const result = planIso(TREE, { label: 'TASK_FAULTS', boot: options, hybrid })
  if (!result.ok) expect.fail(JSON.stringify(result.problems))
  return bytesOf(result.plan)
}

/** Start of the record with that identifier in the primary tree, in the directory that has it. */
export function record(bytes: Buffer, identifier: string): number {
  return bytes.indexOf(Buffer.from(identifier, 'latin1'), little(bytes, PVD + 158)) - 33
}

/** The same in the Joliet tree; its records come behind those of the primary tree. */
export function wide(bytes: Buffer, name: string): number {
  return bytes.lastIndexOf(Buffer.from(name, 'utf16le').swap16()) - 33
}

/** Start of a system use entry of the record with that identifier. */
export function entry(bytes: Buffer, identifier: string, signature: string): number {
  return bytes.indexOf(Buffer.from(signature, 'latin1'), record(bytes, identifier))
}

/** First byte of a table whose sector stands at `at`. */
export function little(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) * SECTOR
}

export function big(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * SECTOR
}

export function both32(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value, at)
  bytes.writeUInt32BE(value, at + 4)
}

export function swap(bytes: Buffer, a: number, b: number, length: number): void {
  const held = Buffer.from(bytes.subarray(a, a + length))
  bytes.copyWithin(a, b, b + length)
  held.copy(bytes, b)
}

export type Fault = [what: string, inject: (bytes: Buffer) => unknown, code: FindingCode]

/** What is found in a copy of the image into which the fault was injected; it must have changed something. */
export async function foundIn(image: Buffer, [, inject]: Fault): Promise<string> {
  const bytes = Buffer.from(image)
  inject(bytes)
  expect(bytes.equals(image)).toBe(false)
  return lines(await lintBytes(bytes)).join('\n')
}
