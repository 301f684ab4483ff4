import { expect } from 'vitest'

/** What a FAT image holds, read by rules of its own: path → content, `/` for a directory. Checks chains and both tables. */
export function readFat(image: Buffer): Record<string, string> {
  const sectorsPerCluster = image[13] ?? 0
  const reserved = image.readUInt16LE(14)
  const rootEntries = image.readUInt16LE(17)
  const sectors = image.readUInt16LE(19) || image.readUInt32LE(32)
  const fatSectors = image.readUInt16LE(22) || image.readUInt32LE(36)
  expect(sectors * 512).toBe(image.length)
  const dataStart = reserved + 2 * fatSectors + rootEntries / 16
  const isFat32 = rootEntries === 0
  const clusters = Math.floor((sectors - dataStart) / sectorsPerCluster)
  expect(isFat32 ? clusters >= 65_525 : clusters >= 4085 && clusters < 65_525).toBe(true)
  const table = image.subarray(reserved * 512, (reserved + fatSectors) * 512)
  expect(table.equals(image.subarray((reserved + fatSectors) * 512, (reserved + 2 * fatSectors) * 512))).toBe(true)
  const after = (cluster: number) => (isFat32 ? table.readUInt32LE(cluster * 4) : table.readUInt16LE(cluster * 2))
  const used = new Set<number>()

  function chain(first: number): Buffer {
    const parts: Buffer[] = []
    for (let at = first; at < (isFat32 ? 0x0ffffff8 : 0xfff8); at = after(at)) {
      expect(at >= 2 && at < clusters + 2 && !used.has(at), `cluster ${at}`).toBe(true)
      used.add(at)
      const start = (dataStart + (at - 2) * sectorsPerCluster) * 512
      parts.push(image.subarray(start, start + sectorsPerCluster * 512))
    }
    return Buffer.concat(parts)
  }

  const found: Record<string, string> = {}
  function list(bytes: Buffer, path: string): void {
    let long = ''
    let checksum: number | undefined
    for (let at = 0; at < bytes.length && bytes[at] !== 0; at += 32) {
      const entry = bytes.subarray(at, at + 32)
      if (entry[11] === 0x0f) {
        checksum = entry[13]
        long =
          Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28)]).toString('utf16le') + long
        continue
      }
      const short = [entry.toString('latin1', 0, 8), entry.toString('latin1', 8, 11)].map((text) => text.trimEnd())
      const name = long === '' ? short.filter((text) => text !== '').join('.') : (long.split('\0')[0] ?? '')
      long = ''
      if (checksum !== undefined) expect(checksumOf(entry)).toBe(checksum)
      checksum = undefined
      if (entry[11] === 0x08 || name === '.' || name === '..') continue
      const cluster = entry.readUInt16LE(20) * 0x10000 + entry.readUInt16LE(26)
      if (entry[11] === 0x10) {
        found[`${path}${name}`] = '/'
        list(chain(cluster), `${path}${name}/`)
      } else {
        const size = entry.readUInt32LE(28)
        const content = cluster === 0 ? Buffer.alloc(0) : chain(cluster)
        expect(Math.ceil(size / 512 / sectorsPerCluster) * 512 * sectorsPerCluster).toBe(content.length)
        found[`${path}${name}`] = content.subarray(0, size).toString()
      }
    }
  }
  list(
    isFat32 ? chain(image.readUInt32LE(44)) : image.subarray((dataStart - rootEntries / 16) * 512, dataStart * 512),
    '',
  )
  // Every cluster in use belongs to something.
  const lost: number[] = []
  for (let at = 2; at < clusters + 2; at++) if ((after(at) !== 0) !== used.has(at)) lost.push(at)
  expect(lost).toEqual([])
  return found
}

/** Rotate right by one bit and add, in eight bits (FAT specification section 7.2). */
function checksumOf(entry: Buffer): number {
  return entry.subarray(0, 11).reduce((sum, byte) => ((sum << 7) + (sum >> 1) + byte) & 0xff, 0)
}
