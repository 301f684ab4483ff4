import type { Finding } from '../../../src/isobuilder/lint/finding.ts'
import type { LintOptions } from '../../../src/isobuilder/lint/lint.ts'
import { lintIso } from '../../../src/isobuilder/lint/lint.ts'
import type { Read } from '../../../src/isobuilder/lint/medium.ts'
import { mediumOf } from '../image-bytes.ts'

/** What is wrong with the image of these bytes. */
export function lintBytes(bytes: Buffer, options: LintOptions = {}, read: Read = mediumOf(bytes)): Promise<Finding[]> {
  return lintIso(read, bytes.length, options)
}

/** The findings as short lines, for a test to show. */
export function lines(findings: readonly Finding[]): string[] {
  return findings.map(({ severity, code, offset, path, message }) => {
    const where = path === undefined ? '' : ` "/${path}"`
    return `${severity} ${code} at ${offset}${where}: ${message}`
  })
}
