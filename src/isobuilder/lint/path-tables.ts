import type { Block } from './block.ts'
import { BLOCK, be16, be32, byteAt, le16, le32, part } from './block.ts'
import type { Report } from './finding.ts'
import type { DirectoryNode, Tree } from './node.ts'
import type { Lint } from './susp.ts'
import type { Volume } from './volume.ts'

/** One record of a path table (ECMA-119 9.4). */
interface Row {
  readonly offset: number
  readonly attributes: number
  readonly sector: number
  readonly parent: number
  readonly identifier: Buffer
}

/** Compares both path tables, and the optional ones, with the directories that the records lead to. */
export async function lintPathTables(lint: Lint, volume: Volume, tree: Tree): Promise<void> {
  for (const { order, sector, optional } of volume.tables) {
    if (optional && sector === 0) continue
    const what = `the ${order === 'little' ? 'L' : 'M'} path table of the ${volume.kind} tree`
    const bytes = volume.pathTableBytes
    if (sector === 0 || bytes === 0 || sector * BLOCK + bytes > lint.sectors * BLOCK) {
      lint.report.add('path-table', volume.block.offset + 132, `${what} has ${bytes} bytes in sector ${sector}`)
      continue
    }
    lint.space.take({ start: sector * BLOCK, length: bytes, kind: 'metadata', what })
    const block = await lint.medium.block(sector * BLOCK, bytes, what)
    if (block !== undefined) lintTable(lint.report, what, rowsOf(lint.report, what, block, order), tree)
  }
}

function rowsOf(report: Report, what: string, table: Block, order: 'little' | 'big'): Row[] {
  const rows: Row[] = []
  for (let at = 0; at < table.bytes.length; ) {
    const length = byteAt(table, at)
    const end = at + 8 + length + (length % 2)
    if (length === 0 || end > table.bytes.length) {
      report.add('path-table', table.offset + at, `${what} has a record that is empty or goes on behind its end`)
      break
    }
    const row = part(table, at, end)
    if (length % 2 === 1 && byteAt(row, 8 + length) !== 0) {
      report.add('path-table', row.offset + 8 + length, `${what} has a pad byte that is not zero`)
    }
    rows.push({
      offset: row.offset,
      attributes: byteAt(row, 1),
      sector: order === 'little' ? le32(row, 2) : be32(row, 2),
      parent: order === 'little' ? le16(row, 6) : be16(row, 6),
      identifier: row.bytes.subarray(8, 8 + length),
    })
    at = end
  }
  return rows
}

/**
 * Windows finds directories through this table, and stops at the first parent above the wanted one: a table in another
 * order hides directories there, and nobody else notices.
 */
function lintTable(report: Report, what: string, rows: readonly Row[], tree: Tree): void {
  if (rows.length !== tree.directories.length) {
    const [{ offset } = { offset: 0 }] = rows
    report.add('path-table', offset, `${what} has ${rows.length} directories, the tree ${tree.directories.length}`)
  }
  const bySector = new Map(tree.directories.map((directory) => [directory.sections[0]?.sector, directory]))
  const ordinals = new Map(rows.map(({ sector }, index) => [sector, index + 1]))
  for (const [index, row] of rows.entries()) {
    const tell = (state: string) => report.add('path-table', row.offset, `${what}: directory ${index + 1} ${state}`)
    const directory = bySector.get(row.sector)
    if (row.attributes !== 0) tell('has an extended attribute record')
    if (directory === undefined) {
      tell(`is in sector ${row.sector}, where the tree has none`)
      continue
    }
    if (!row.identifier.equals(directory.identifier)) tell('has another identifier than its record')
    const above = ordinals.get(directory.parent.sections[0]?.sector ?? -1)
    if (row.parent !== above) tell(`is in directory ${row.parent}, its record in ${above ?? 'none'}`)
    if (row.parent > Math.max(1, index)) tell(`comes before its parent ${row.parent}`)
    lintOrder(report, what, rows, index, tree.directories)
  }
}

function lintOrder(
  report: Report,
  what: string,
  rows: readonly Row[],
  index: number,
  directories: readonly DirectoryNode[],
): void {
  const [row, before] = [rows[index], rows[index - 1]]
  if (row === undefined) return
  if (before !== undefined && row.parent < before.parent) {
    report.add(
      'path-table',
      row.offset,
      `${what}: directory ${index + 1} is in ${row.parent}, the one before in ${before.parent}`,
    )
  } else if (row.sector !== directories[index]?.sections[0]?.sector) {
    report.add('path-table-order', row.offset, `${what}: directory ${index + 1} is not in the order of identifiers`)
  }
}
