import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readAt } from '../../shared/file-at.ts'
import { absent } from '../../shared/system-error.ts'
import { OciError } from '../errors.ts'
import { blobPath, shardDigest, shardPath, shardPaths, uploadPath, uploadsPath } from './paths.ts'
import type { BlobReader, BlobStore, ListedBlob, UploadStore, UploadWriter } from './storage.ts'

/** Makes what is missing of the directories, durably; the rest of this file relies on them. */
export async function prepareDirectories(root: string): Promise<void> {
  const created = new Set<string>()
  const make = async (path: string): Promise<void> => {
    const first = await mkdir(path, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    for (let at = path; at.length >= first.length; at = dirname(at)) created.add(dirname(at))
  }
  await make(root)
  await make(uploadsPath(root))
  await Promise.all(shardPaths(root).map(make))
  for (const path of created) await syncDirectory(path)
}

/** Blobs as files, content-addressed. */
export function filesystemBlobs(root: string): BlobStore {
  return {
    async open(digest) {
      const file = await openOr(blobPath(root, digest), 'r', () => new OciError('BLOB_UNKNOWN', { digest }))
      return reader(file)
    },
    delete: (digest) => rm(blobPath(root, digest), { force: true }),
    list: () => listShards(root),
    async freeBytes() {
      const { bavail, bsize } = await statfs(root)
      return bavail * bsize
    },
  }
}

/** Uploads as files that only grow: the size of the file is the state of the session. */
export function filesystemUploads(root: string): UploadStore {
  const unknown = (id: string) => () => new OciError('BLOB_UPLOAD_UNKNOWN', { upload: id })
  return {
    async create(id) {
      await (await open(uploadPath(root, id), 'wx', 0o600)).close()
    },
    // Not "a": an append must not bring the file of a cancelled session back.
    append: async (id) => writer(await openOr(uploadPath(root, id), 'r+', unknown(id))),
    read: (id) => readAll(uploadPath(root, id), unknown(id)),
    open: async (id) => reader(await openOr(uploadPath(root, id), 'r', unknown(id))),
    size: (id) => sizeOf(uploadPath(root, id)),
    async commit(id, digest) {
      const path = uploadPath(root, id)
      const file = await openOr(path, 'r+', unknown(id))
      try {
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(path, blobPath(root, digest))
      await syncDirectory(shardPath(root, digest))
    },
    remove: (id) => rm(uploadPath(root, id), { force: true }),
    async list() {
      const names = await readdir(uploadsPath(root))
      const uploads = names.map(async (id) => {
        const found = await stat(join(uploadsPath(root), id)).catch(absent)
        return found === undefined ? [] : [{ id, lastActivity: found.mtime }]
      })
      return (await Promise.all(uploads)).flat()
    },
  }
}

/** A rename or an unlink is durable only when its directory is synced (fsync(2)). */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Shard by shard; what is no blob of ours by its name is left alone. */
async function* listShards(root: string): AsyncGenerator<readonly ListedBlob[]> {
  for (const shard of shardPaths(root)) {
    const found = (await readdir(shard)).map(async (name) => {
      const digest = shardDigest(shard, name)
      const file = digest === undefined ? undefined : await stat(join(shard, name)).catch(absent)
      // The change time moves with the rename, the modification time only with the last byte.
      return digest === undefined || file === undefined ? [] : [{ digest, size: file.size, storedAt: file.ctime }]
    })
    yield (await Promise.all(found)).flat()
  }
}

async function reader(file: FileHandle): Promise<BlobReader> {
  const { size } = await file.stat()
  return {
    size,
    read: (buffer, position) => readAt(file, buffer, position),
    close: () => file.close(),
  }
}

async function writer(file: FileHandle): Promise<UploadWriter> {
  let { size } = await file.stat()
  return {
    get size() {
      return size
    },
    async append(chunks) {
      let rest = [...chunks]
      while (rest.length > 0) {
        const { bytesWritten } = await file.writev(rest, size)
        size += bytesWritten
        rest = skipBytes(rest, bytesWritten)
      }
    },
    close: () => file.close(),
  }
}

/** writev(2) may write less than it was given, a nearly full disk for one. */
function skipBytes(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count
  return chunks.flatMap((chunk) => {
    const skipped = Math.min(left, chunk.length)
    left -= skipped
    return skipped === chunk.length ? [] : [chunk.subarray(skipped)]
  })
}

async function* readAll(path: string, missing: () => Error): AsyncGenerator<Uint8Array> {
  const file = await openOr(path, 'r', missing)
  try {
    yield* file.createReadStream({ highWaterMark: 1 << 20, autoClose: false })
  } finally {
    await file.close()
  }
}

async function openOr(path: string, flags: string, missing: () => Error): Promise<FileHandle> {
  const file = await open(path, flags).catch(absent)
  if (file === undefined) throw missing()
  return file
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(absent))?.size
}
