import { expect, onTestFinished, test } from 'vitest'
import { createDigestLock } from '../../src/registry/digest-lock.ts'
import type { GarbageDeps } from '../../src/registry/gc.ts'
import { collectGarbage } from '../../src/registry/gc.ts'
import { filesystemBlobs, filesystemUploads, prepareDirectories } from '../../src/registry/storage/filesystem.ts'
import { databasePath } from '../../src/registry/storage/paths.ts'
import { sqliteMetadata } from '../../src/registry/storage/sqlite-metadata.ts'
import { createUploadSessions } from '../../src/registry/upload-sessions.ts'
import { sha256 } from '../../src/shared/digest.ts'
import { systemClock } from '../../src/shared/time.ts'
import { sizeOf } from './storage/bytes-contract.ts'
import { silent, temporaryDirectory } from './support/open-registry.ts'

const CONTENT = Buffer.from('pushed while it is collected')
const DIGEST = sha256(CONTENT)

/** The parts of a registry, so that a test can stop one of them where it is most delicate. */
async function parts() {
  const root = await temporaryDirectory()
  await prepareDirectories(root)
  const metadata = sqliteMetadata(databasePath(root))
  onTestFinished(() => metadata.close())
  return { metadata, blobs: filesystemBlobs(root), uploads: filesystemUploads(root), exclusive: createDigestLock() }
}

type Parts = Awaited<ReturnType<typeof parts>>

function sessionsOf({ metadata, blobs, uploads, exclusive }: Parts) {
  const quotas = { hold: async () => {}, keep: () => {}, settle: () => {} }
  return createUploadSessions({ blobs, uploads, metadata, exclusive, quotas, clock: systemClock, reserveBytes: 0 })
}

function push(given: Parts): Promise<number> {
  return sessionsOf(given).receiveWhole('a', { chunks: chunks(), length: CONTENT.length }, DIGEST)
}

async function* chunks() {
  yield CONTENT
}

function collect(given: Parts) {
  const deps: GarbageDeps = {
    ...given,
    sessions: { sweep: async () => 0 },
    retention: () => ({ retention: [], immutable_tags: [] }),
    clock: systemClock,
    log: silent,
  }
  const { signal } = new AbortController()
  // Far ahead: everything is old enough.
  return collectGarbage(deps, { graceMs: -1e9, dryRun: false, signal })
}

/** Lets everything else go on until `happened`, or until it has had every chance to. */
async function chance(happened: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !happened(); turn++) await new Promise((resolve) => setTimeout(resolve, 2))
}

async function expectStored({ metadata, blobs }: Parts): Promise<void> {
  expect(await metadata.findBlob('a', DIGEST)).toMatchObject({ size: CONTENT.length })
  expect(await sizeOf(blobs, DIGEST)).toBe(CONTENT.length)
}

test('a file between its rename and its row is no orphan', async () => {
  const given = await parts()
  let deleted = false
  let collecting: Promise<unknown> | undefined
  const uploads: Parts['uploads'] = {
    ...given.uploads,
    async commit(id, digest) {
      await given.uploads.commit(id, digest)
      const blobs: Parts['blobs'] = {
        ...given.blobs,
        async *list() {
          yield [{ digest, size: CONTENT.length, storedAt: new Date(0) }]
        },
        async delete(gone) {
          await given.blobs.delete(gone)
          deleted = true
        },
      }
      collecting = collect({ ...given, blobs })
      await chance(() => deleted)
    },
  }
  await push({ ...given, uploads })
  await collecting
  await expectStored(given)
})

test('a push of a blob that is being deleted waits, and then stores it', async () => {
  const given = await parts()
  await push(given)
  await given.metadata.removeBlob('a', DIGEST)
  let stored = false
  let pushing: Promise<unknown> | undefined
  const blobs: Parts['blobs'] = {
    ...given.blobs,
    async delete(digest) {
      pushing = push(given).finally(() => {
        stored = true
      })
      await chance(() => stored)
      await given.blobs.delete(digest)
    },
  }
  expect(await collect({ ...given, blobs })).toMatchObject({ blobs: 1 })
  await pushing
  await expectStored(given)
})

test('a blob that is pushed again after garbage collection chose it is not taken', async () => {
  const given = await parts()
  await push(given)
  const metadata: Parts['metadata'] = {
    ...given.metadata,
    async unheldBlobs(from, limit) {
      const found = await given.metadata.unheldBlobs(from, limit)
      await push(given)
      return found
    },
  }
  expect(await collect({ ...given, metadata })).toMatchObject({ blobs: 0 })
  await expectStored(given)
})
