/** The first and last bytes of disks for tests: just enough of a partition table to be one. */

/** A disk of `bytes` with a GPT header (UEFI 2.10 table 5.5) and `content` behind the first MiB. */
export function gptDisk(bytes: number, content: Uint8Array = new Uint8Array(), sectorBytes = 512): Buffer {
  const disk = Buffer.alloc(bytes)
  disk.writeUInt16BE(0x55aa, 510)
  disk[446 + 4] = 0xee
  disk.writeUInt32LE(1, 446 + 8)
  disk.writeUInt32LE(0xffffffff, 446 + 12)
  disk.write('EFI PART', sectorBytes, 'latin1')
  disk.writeBigUInt64LE(BigInt(bytes / sectorBytes - 1), sectorBytes + 32)
  disk.set(content, 1 << 20)
  return disk
}

/** An MBR with one partition, and nothing else. */
export function mbrDisk(bytes: number, start: number, sectors: number): Buffer {
  const disk = Buffer.alloc(bytes)
  disk.writeUInt16BE(0x55aa, 510)
  disk[446 + 4] = 0x83
  disk.writeUInt32LE(start, 446 + 8)
  disk.writeUInt32LE(sectors, 446 + 12)
  return disk
}
