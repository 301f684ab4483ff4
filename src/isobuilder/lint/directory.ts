import { isDeepStrictEqual } from 'node:util'
import type { Report } from './finding.ts'
import type { Style } from './identifiers.ts'
import type { DirectoryNode, Dot, Node, Opening } from './node.ts'
import type { RawRecord } from './records.ts'
import { FLAG } from './records.ts'
import type { RockRidge } from './rock-ridge.ts'
import { lintRockRidge, lintRootEntries, MODE } from './rock-ridge.ts'
import { groupSections, lintSections } from './sections.ts'
import type { Lint } from './susp.ts'
import { systemUseEntries } from './susp.ts'

/** A directory with its records. */
export interface Given {
  readonly style: Style
  readonly hasRockRidge: boolean
  readonly opening: Opening
  readonly records: readonly RawRecord[]
}

/** Checks the records of one directory against each other, and makes nodes of them. */
export async function lintDirectory(lint: Lint, given: Given): Promise<DirectoryNode> {
  const { opening, records, style } = given
  const { path } = opening.node
  const [self, parent, ...rest] = records
  const above = opening.parent ?? opening.node
  lintDot(lint.report, self, 0, opening.node, path)
  const isOwnParent = style.kind === 'joliet' && parent?.sector === opening.node.sections[0]?.sector
  if (isOwnParent && opening.parent !== undefined) {
    lint.report.add('joliet-parent', parent?.offset ?? 0, '".." points at the directory itself', path)
  } else lintDot(lint.report, parent, 1, above, path)
  const dots: Dot[] = []
  for (const [record, node] of [
    [self, opening.node],
    [parent, above],
  ] as const) {
    if (record === undefined) continue
    const { date, offset } = record
    dots.push({ date, offset, of: node, rockRidge: await rockRidgeOf(lint, given, record, path) })
  }

  const children: Node[] = []
  for (const group of groupSections(lint.report, rest, path)) children.push(await lintChild(lint, given, group))
  lintOrder(lint.report, style, rest, path)
  lintNames(lint.report, children)
  // What "." says counts for the root, which no other record names.
  const node = opening.parent === undefined ? { ...opening.node, rockRidge: dots[0]?.rockRidge } : opening.node
  const { depth } = opening
  const directory: { -readonly [K in keyof DirectoryNode]?: DirectoryNode[K] } = { ...node, children, dots, depth }
  directory.parent = opening.parent ?? (directory as DirectoryNode)
  return directory as DirectoryNode
}

/** "." and ".." come first, and say where the directory and the one above it are (ECMA-119 6.8.2.2). */
function lintDot(report: Report, record: RawRecord | undefined, identifier: 0 | 1, wanted: Node, path: string): void {
  const name = identifier === 0 ? '"."' : '".."'
  if (record === undefined) {
    report.add('directory-self', wanted.offset, `there is no ${name}`, path)
    return
  }
  const tell = (state: string) => report.add('directory-self', record.offset, `${name} ${state}`, path)
  const [{ sector, bytes } = { sector: 0, bytes: 0 }] = wanted.sections
  if (record.identifier.length !== 1 || record.identifier[0] !== identifier) tell('is not where it must be')
  else if (record.sector !== sector) tell(`points at sector ${record.sector}, not ${sector}`)
  else if (record.length !== bytes) tell(`has ${record.length} bytes, not ${bytes}`)
  else if ((record.flags & ~FLAG.hidden) !== FLAG.directory) tell('is no directory')
}

async function lintChild(lint: Lint, given: Given, group: readonly [RawRecord, ...RawRecord[]]): Promise<Node> {
  const { style, opening } = given
  const [first] = group
  const below = (name: string) => (opening.node.path === '' ? name : `${opening.node.path}/${name}`)
  const recorded = style.nameOf(first.identifier)
  const isDirectory = (first.flags & FLAG.directory) !== 0
  style.lint(lint.report, first.identifier, isDirectory, first.offset, below(recorded))

  let rockRidge: RockRidge | undefined
  for (const record of group) {
    const said = await rockRidgeOf(lint, given, record, below(recorded))
    if (record !== first && (record.date !== first.date || !isDeepStrictEqual(said, rockRidge))) {
      lint.report.add('sections', record.offset, 'a section says something else than the first', below(recorded))
    }
    rockRidge ??= said
  }
  const name = rockRidge?.name ?? recorded
  const path = below(name)
  if (given.hasRockRidge) lintCompleteness(lint.report, first, rockRidge, path)
  const kind = kindOf(lint.report, first, rockRidge, path)
  if (kind !== 'directory') lintSections(lint, group, `"/${path}"`, path)
  const sections = group.map(({ sector, length }) => ({ sector, bytes: length }))
  const size = sections.reduce((sum, { bytes }) => sum + bytes, 0)
  const { identifier, date, offset } = first
  return { path, name, identifier, kind, sections, size, date, offset, rockRidge }
}

async function rockRidgeOf(lint: Lint, given: Given, record: RawRecord, path: string): Promise<RockRidge | undefined> {
  if (!given.hasRockRidge) {
    if (record.systemUse.bytes.length > 0) {
      lint.report.add('susp-unknown', record.systemUse.offset, 'a record has bytes for system use', path)
    }
    return undefined
  }
  const entries = await systemUseEntries(lint, record.systemUse, path)
  const isRootSelf = given.opening.parent === undefined && record === given.records[0]
  if (isRootSelf) lintRootEntries(lint.report, record.systemUse, entries)
  const isDot = record === given.records[0] || record === given.records[1]
  return lintRockRidge(lint.report, entries, path, isDot)
}

function lintCompleteness(report: Report, record: RawRecord, rockRidge: RockRidge | undefined, path: string): void {
  const tell = (what: string) => report.add('rock-ridge-missing', record.offset, `the record has no ${what}`, path)
  if (rockRidge?.mode === undefined) tell('PX')
  if (rockRidge?.name === undefined) tell('NM')
  if (rockRidge?.times === undefined) tell('TF')
}

function kindOf(report: Report, record: RawRecord, rockRidge: RockRidge | undefined, path: string): Node['kind'] {
  const isDirectory = (record.flags & FLAG.directory) !== 0
  const tell = (state: string) => report.add('rock-ridge-kind', record.offset, state, path)
  if (rockRidge?.mode === undefined) return isDirectory ? 'directory' : 'file'
  const type = rockRidge.mode & MODE.mask
  // A directory that was moved away leaves a file with CL in its place (RRIP 4.1.5.1).
  const saysDirectory = type === MODE.directory && rockRidge.movedTo === undefined
  if (isDirectory !== saysDirectory) tell(`PX has the mode 0${rockRidge.mode.toString(8)}, the record says otherwise`)
  if (isDirectory) return 'directory'
  if ((type === MODE.symlink) !== (rockRidge.target !== undefined))
    tell('SL is there without a symbolic link, or missing')
  if (type === MODE.symlink) {
    if (record.length !== 0) tell('a symbolic link has a content')
    return 'symlink'
  }
  return type === MODE.file ? 'file' : 'other'
}

/** ECMA-119 9.3; all readers that were tried are indifferent, the standard is not. */
function lintOrder(report: Report, style: Style, records: readonly RawRecord[], path: string): void {
  for (const [index, record] of records.entries()) {
    const before = records[index - 1]
    if (before === undefined || (before.flags & FLAG.moreExtents) !== 0) continue
    const [one, other] = [before.identifier, record.identifier]
    const order = style.compare(one, other)
    if (order < 0) continue
    const names = `${JSON.stringify(style.nameOf(other))} after ${JSON.stringify(style.nameOf(one))}`
    if (one.equals(other)) {
      const isAssociated = (before.flags & FLAG.associated) !== 0
      if (!isAssociated)
        report.add(
          'record-duplicate',
          record.offset,
          `the identifier ${names.split(' after ')[0]} is there twice`,
          path,
        )
    } else if (style.compareRelaxed(one, other) < 0) report.add('record-order-relaxed', record.offset, names, path)
    else report.add('record-order', record.offset, names, path)
  }
}

function lintNames(report: Report, children: readonly Node[]): void {
  const names = new Set<string>()
  for (const { name, offset, path } of children) {
    if (names.has(name)) report.add('record-duplicate', offset, 'the name is there twice', path)
    names.add(name)
  }
}
