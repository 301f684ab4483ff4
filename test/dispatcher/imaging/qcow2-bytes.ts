/** A qcow2 writer for tests: version 3, clusters of 64 KiB, one first-level table, nothing compressed. */

const CLUSTER = 65536

/** Header, first table, one second table and the clusters that are not all zeros, in reverse so that no order helps. */
export function qcow2File(disk: Uint8Array): Buffer {
  const clusters = Array.from({ length: Math.ceil(disk.length / CLUSTER) }, (_, index) => {
    const cluster = Buffer.alloc(CLUSTER)
    cluster.set(disk.subarray(index * CLUSTER, (index + 1) * CLUSTER))
    return cluster
  })
  const used = clusters.flatMap((cluster, index) => (cluster.every((byte) => byte === 0) ? [] : [index])).reverse()
  const file = Buffer.alloc((3 + used.length) * CLUSTER)
  file.writeUInt32BE(0x514649fb, 0)
  file.writeUInt32BE(3, 4)
  file.writeUInt32BE(16, 20)
  file.writeBigUInt64BE(BigInt(disk.length), 24)
  file.writeUInt32BE(1, 36)
  file.writeBigUInt64BE(BigInt(CLUSTER), 40)
  file.writeUInt32BE(104, 100)
  file.writeBigUInt64BE(BigInt(2 * CLUSTER) | (1n << 63n), CLUSTER)
  for (const [place, index] of used.entries()) {
    const offset = (3 + place) * CLUSTER
    file.writeBigUInt64BE(BigInt(offset) | (1n << 63n), 2 * CLUSTER + index * 8)
    clusters[index]?.copy(file, offset)
  }
  return file
}
