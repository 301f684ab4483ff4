import { byteAt } from './block.ts'
import type { Report } from './finding.ts'
import type { SuspEntry } from './susp.ts'

/** Flags of a component record (RRIP 4.1.3.1). */
const COMPONENT = { goesOn: 0x01, current: 0x02, parent: 0x04, root: 0x08 } as const

/** A path on Linux is not longer. */
const MAX_TARGET = 4096

/** Where the SL entries of a record point, or undefined when there is none (RRIP 4.1.3). */
export function symlinkTarget(report: Report, entries: readonly SuspEntry[], path: string): string | undefined {
  const links = entries.filter(({ signature }) => signature === 'SL')
  if (links.length === 0) return undefined
  const text = { bytes: Buffer.alloc(0), joins: true }
  for (const [index, link] of links.entries()) {
    const wanted = index + 1 < links.length ? 1 : 0
    if (link.bytes.length < 5) report.add('rock-ridge', link.offset, 'SL has no flags', path)
    else if (byteAt(link, 4) !== wanted) {
      report.add('rock-ridge', link.offset + 4, `SL has the flags ${byteAt(link, 4)}, not ${wanted}`, path)
    }
    addComponents(report, link, path, text)
    if (text.bytes.length > MAX_TARGET) break
  }
  if (text.bytes.length > MAX_TARGET || text.bytes.length === 0 || text.joins || text.bytes.includes(0)) {
    report.add('rock-ridge', links[0]?.offset ?? 0, 'the target of a link is no path', path)
  }
  return text.bytes.toString('utf8')
}

function addComponents(report: Report, link: SuspEntry, path: string, text: { bytes: Buffer; joins: boolean }): void {
  let at = 5
  for (; at + 2 <= link.bytes.length; ) {
    const [flags, length] = [byteAt(link, at), byteAt(link, at + 1)]
    const special = flags & (COMPONENT.current | COMPONENT.parent | COMPONENT.root)
    if (at + 2 + length > link.bytes.length || (special !== 0 && (length !== 0 || flags !== special))) break
    if (flags > COMPONENT.root || ![0, 2, 4, 8].includes(special)) break
    const name = link.bytes.subarray(at + 2, at + 2 + length)
    if (name.includes('/')) break
    const slash = text.joins || text.bytes.at(-1) === 0x2f ? '' : '/'
    text.bytes = Buffer.concat([text.bytes, Buffer.from(slash + SPECIAL[special]), name])
    text.joins = (flags & COMPONENT.goesOn) !== 0
    at += 2 + length
  }
  if (at !== link.bytes.length) {
    report.add('rock-ridge', link.offset + at, 'a component of a symbolic link is not one', path)
  }
}

/** What stands for a name. */
const SPECIAL: Readonly<Record<number, string>> = {
  0: '',
  [COMPONENT.current]: '.',
  [COMPONENT.parent]: '..',
  [COMPONENT.root]: '/',
}
