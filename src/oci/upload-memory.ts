import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from '../shared/digest.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { UploadMemory } from './upload.ts'

/** Sessions in small files of a directory, one each. A session's URL may be a capability: nobody else reads it. */
export function uploadMemory(directory: string): UploadMemory {
  const path = (key: string) => join(directory, sha256(key).slice('sha256:'.length))
  return {
    async get(key) {
      const text = await readFile(path(key), 'utf8').catch(() => '')
      return URL.canParse(text) ? text : undefined
    },
    // Only a convenience: a full or read-only home must not stop the push.
    set: (key, url) => writeFileAtomic(path(key), url, 0o600).catch(() => {}),
    forget: (key) => rm(path(key), { force: true }).catch(() => {}),
  }
}
