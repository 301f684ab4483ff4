/** One directory in a path table. */
export interface PathTableRow {
  readonly identifier: Uint8Array
  readonly sector: number
  /** Ordinal of the directory above, counted from 1; the root is its own. */
  readonly parent: number
}

/** Ordinals are 16-bit (ECMA-119 9.4.4); Windows calls a volume that needs more corrupt. */
export const MAX_DIRECTORIES = 65_535

/** Bytes of a path table, not rounded: this number stands in the descriptor (ECMA-119 8.4.16). */
export function pathTableBytes(identifiers: Iterable<Uint8Array>): number {
  let bytes = 0
  for (const identifier of identifiers) bytes += rowBytes(identifier)
  return bytes
}

/**
 * Writes the table of type L or M (ECMA-119 9.4). The rows come by depth, then parent, then identifier (6.9.1): Windows
 * finds directories here and stops at the first parent ordinal above the wanted one.
 */
export function pathTable(rows: readonly PathTableRow[], order: 'little' | 'big'): Buffer {
  const table = Buffer.alloc(pathTableBytes(rows.map((row) => row.identifier)))
  let at = 0
  for (const { identifier, sector, parent } of rows) {
    table[at] = identifier.length
    if (order === 'little') {
      table.writeUInt32LE(sector, at + 2)
      table.writeUInt16LE(parent, at + 6)
    } else {
      table.writeUInt32BE(sector, at + 2)
      table.writeUInt16BE(parent, at + 6)
    }
    table.set(identifier, at + 8)
    at += rowBytes(identifier)
  }
  return table
}

function rowBytes(identifier: Uint8Array): number {
  return 8 + identifier.length + (identifier.length % 2)
}
