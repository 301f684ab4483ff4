import { BLOCK } from './block.ts'
import type { Report } from './finding.ts'
import type { RawRecord } from './records.ts'
import { FLAG } from './records.ts'
import type { Lint } from './susp.ts'

/** Records of one file above 4 GiB follow each other under one identifier; all but the last say so (ECMA-119 9.1.6). */
export function groupSections(
  report: Report,
  records: readonly RawRecord[],
  path: string,
): [RawRecord, ...RawRecord[]][] {
  const groups: [RawRecord, ...RawRecord[]][] = []
  let goesOn: RawRecord | undefined
  for (const record of records) {
    const group = goesOn === undefined ? undefined : groups.at(-1)
    if (group?.[0].identifier.equals(record.identifier)) group.push(record)
    else {
      if (goesOn !== undefined) report.add('sections', goesOn.offset, 'a file says that it goes on, and does not', path)
      groups.push([record])
    }
    goesOn = (record.flags & FLAG.moreExtents) === 0 ? undefined : record
  }
  if (goesOn !== undefined) report.add('sections', goesOn.offset, 'a file says that it goes on, and does not', path)
  return groups
}

/** The contents of one file: inside the volume, whole blocks but for the last section, one behind the other. */
export function lintSections(lint: Lint, group: readonly RawRecord[], what: string, path: string): void {
  for (const [index, { sector, length, offset }] of group.entries()) {
    const next = group[index + 1]
    if (next !== undefined && length % BLOCK !== 0) {
      lint.report.add('sections', offset, `a section of ${length} bytes is not the last, and not whole blocks`, path)
    }
    if (next !== undefined && sector + Math.ceil(length / BLOCK) !== next.sector) {
      lint.report.add('sections-apart', next.offset, 'the sections of the file do not follow each other', path)
    }
    if (length === 0 && sector !== 0) {
      lint.report.add('extent-empty', offset, `a content without bytes is in sector ${sector}`, path)
    }
    if (sector + Math.ceil(length / BLOCK) > lint.sectors) {
      lint.report.add(
        'extent-outside',
        offset,
        `the content ends in sector ${sector + Math.ceil(length / BLOCK)}`,
        path,
      )
    } else lint.space.take({ start: sector * BLOCK, length, kind: 'content', what })
  }
}
