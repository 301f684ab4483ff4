import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { archiveFiles } from '../../../src/oci/layout/archive.ts'
import { encodeHeader } from '../../../src/oci/layout/tar-header.ts'
import { directory } from '../support.ts'

test.for(['-1536', 'x', '1e300', '0.5'])('an archive with a file of %s bytes is refused', async (size) => {
  const path = join(await directory(), 'archive.tar')
  // The long name takes a pax record; the size is put in its place, and a comment fills what is left of it.
  const bytes = encodeHeader('n'.repeat(120), 0)
  const length = '130 path=\n'.length + 120
  const rest = ` size=${size}\n`
  const record = `${rest.length + (rest.length > 8 ? 2 : 1)}${rest}`
  const left = length - record.length
  bytes.write(`${record}${left} c=${'x'.repeat(left - `${left} c=\n`.length)}\n`, 512)
  await writeFile(path, bytes)
  await expect(archiveFiles(path)).rejects.toThrow(
    expect.objectContaining({ code: 'layout-invalid', message: expect.stringContaining('is no number') }),
  )
})
