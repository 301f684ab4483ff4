/**
 * What the checker can find, and how bad it is. `error`: no image may have it. `warning`: other writers do it and readers
 * live with it; in an image of ours it is an error. `ours`: a promise of our writer alone, not looked at elsewhere.
 */
export const FINDINGS = {
  truncated: 'error', // something recorded lies behind the end of the medium
  limit: 'error', // more of something than the checker goes through
  'no-volume': 'error', // no primary volume descriptor
  'both-endian': 'error', // the two byte orders of a number differ
  'descriptor-order': 'error',
  'descriptor-version': 'error',
  'descriptor-unknown': 'warning',
  'no-terminator': 'error',
  'space-size': 'error',
  'trailing-bytes': 'warning', // the medium goes on behind the volume
  'block-size': 'error',
  'volume-sequence': 'error', // of the descriptor or of a record
  'structure-version': 'error',
  'unused-field': 'warning', // a field that must be zero is not
  'descriptor-text': 'warning',
  'descriptor-date': 'error',
  'joliet-escape': 'error',
  'joliet-level': 'ours', // UCS-2 of another level than 3
  'path-table': 'error', // size, place, order, parents, identifiers, agreement with the tree
  'path-table-order': 'warning',
  'record-length': 'error',
  'record-crossing': 'error',
  'record-field': 'error', // flags, interleaving, extended attributes
  'record-date': 'error',
  'record-order': 'error', // ECMA-119 9.3
  'record-order-relaxed': 'warning', // in the order of the whole identifier instead
  'record-duplicate': 'error',
  'directory-self': 'error', // "." and ".."
  'joliet-parent': 'warning', // ".." stands for the directory itself, as xorriso has it
  'directory-size': 'error',
  'directory-loop': 'error',
  'extent-outside': 'error',
  'extent-overlap': 'error',
  'extent-empty': 'ours', // a file without content has a sector
  sections: 'error', // a file above 4 GiB
  'sections-apart': 'warning',
  identifier: 'warning', // characters, length, dot, version of the primary tree
  'joliet-identifier': 'error',
  'joliet-identifier-long': 'warning',
  'susp-entry': 'error',
  'susp-unknown': 'warning',
  'susp-padding': 'warning', // more than the byte that makes a record even
  'susp-order': 'warning', // SP first, CE last
  continuation: 'error',
  'rock-ridge': 'error', // an entry is wrong in itself
  'rock-ridge-dot': 'warning', // "." or ".." without a mode, as in rr_moved of genisoimage
  'rock-ridge-missing': 'warning', // SP, ER, PX, NM or TF is not there
  'rock-ridge-kind': 'error', // PX says another kind than the record
  'rock-ridge-name': 'error',
  'rock-ridge-text': 'warning', // ER in other words than the standard's
  'rock-ridge-links': 'ours',
  'joliet-agreement': 'error', // the same file, but another content or kind
  'joliet-name': 'warning', // the same content under a name that is not this one cut short
  'joliet-missing': 'warning',
  'joliet-extra': 'warning',
  'volume-agreement': 'warning', // the descriptors of the two trees say different things
  'boot-record': 'error',
  'boot-catalog': 'error',
  'boot-image': 'error',
  'boot-image-behind': 'warning', // behind the volume, as what xorriso appends
  'boot-load': 'ours', // firmware takes another part of an image than our writer says
  'boot-info-table': 'error',
  gpt: 'error',
  'gpt-backup': 'warning', // is elsewhere or not there, as on a stick that is larger than the image
  mbr: 'warning',
  'system-area': 'warning',
  'boot-agreement': 'warning', // GPT and El Torito name different system partitions
  'not-zero': 'warning', // bytes that belong to nothing
  'fixed-date': 'ours', // one date in the whole image
  'fixed-mode': 'ours',
  mangling: 'ours', // an identifier that does not come from the name
  identity: 'ours', // label, names and contents are not those the image was made of
} as const satisfies Record<string, 'error' | 'warning' | 'ours'>

export type FindingCode = keyof typeof FINDINGS

/** One thing wrong with an image. */
export interface Finding {
  readonly code: FindingCode
  readonly severity: 'error' | 'warning'
  /** Byte of the image where it stands. */
  readonly offset: number
  /** Of the file or directory, when there is one. */
  readonly path?: string
  readonly message: string
}

/** Collects findings; a hostile image cannot make it hold more than a fixed number. */
export interface Report {
  add(code: FindingCode, offset: number, message: string, path?: string): void
  /** In the order of their offsets. `ours`: the image says that our writer made it, so it must keep our promises. */
  findings(ours: boolean): Finding[]
}

/** Of each code; a broken image has the same thing wrong thousands of times. */
const MAX_PER_CODE = 100

export function createReport(): Report {
  const found: Omit<Finding, 'severity'>[] = []
  const counts = new Map<FindingCode, number>()
  return {
    add(code, offset, message, path) {
      const count = (counts.get(code) ?? 0) + 1
      counts.set(code, count)
      if (count > MAX_PER_CODE) return
      const more = count === MAX_PER_CODE ? '; further findings of this kind are not shown' : ''
      found.push({ code, offset, message: message + more, ...(path === undefined ? {} : { path }) })
    },
    findings(ours) {
      const shown = found.flatMap((finding): Finding[] => {
        const grade = FINDINGS[finding.code]
        if (grade === 'ours' && !ours) return []
        return [{ ...finding, severity: grade === 'error' || ours ? 'error' : 'warning' }]
      })
      return shown.sort((a, b) => a.offset - b.offset)
    },
  }
}
