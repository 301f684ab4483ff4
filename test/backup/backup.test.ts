import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { createBackup } from '../../src/backup/create.ts'
import { storedBlobPath } from '../../src/backup/layout.ts'
import { restoreSnapshot } from '../../src/backup/restore.ts'
import { findSnapshot, listSnapshots, verifySnapshot } from '../../src/backup/snapshots.ts'
import { askControl } from '../../src/registry/control.ts'
import type { Started } from '../../src/server/compose.ts'
import { runController } from '../../src/server/compose.ts'
import { parseDigest, sha256 } from '../../src/shared/digest.ts'
import { systemClock } from '../../src/shared/time.ts'
import { configOf } from '../server/support/serve-config.ts'
import { scratch } from '../support/scratch.ts'

let directory = ''
const never = new AbortController().signal

beforeEach(() => {
  directory = scratch()
})

interface Running {
  readonly url: string
  readonly data: string
  call(method: string, path: string, body?: string | object, type?: string): Promise<Response>
  stop(): Promise<void>
}

/** A controller on `data`; the first one's token is that of all. */
async function start(data: string): Promise<Running> {
  const stop = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<Started>()
  const config = configOf({ dataDir: data, adminTokenFile: join(directory, 'token') })
  const ended = runController(config, pino({ level: 'silent' }), resolve, stop.signal)
  ended.catch(reject)
  const { url } = await promise
  const authorization = `Bearer ${readFileSync(join(directory, 'token'), 'utf8').trim()}`
  return {
    url,
    data,
    call: (method, path, body, type = 'application/json') =>
      fetch(`${url}${path}`, {
        method,
        headers: { authorization, 'content-type': type },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    async stop() {
      stop.abort()
      await ended
    },
  }
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

/** Pushes an image of one layer; when it resolves, the registry has acknowledged all of it. */
async function push({ call }: Running, repository: string, tag: string, content: string): Promise<void> {
  const blobs = [content, '{}']
  for (const blob of blobs) {
    const session = await call('POST', `/v2/${repository}/blobs/uploads/`)
    const to = new URL(session.headers.get('location') ?? '', 'http://x')
    const answer = await call('PUT', `${to.pathname}?digest=${sha256(blob)}`, blob, 'application/octet-stream')
    expect(answer.status).toBe(201)
  }
  const [layer, config] = blobs.map((blob) => ({ mediaType: 'application/x', digest: sha256(blob), size: blob.length }))
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: [layer] }
  expect((await call('PUT', `/v2/${repository}/manifests/${tag}`, manifest, MANIFEST_TYPE)).status).toBe(201)
}

async function pull({ call }: Running, repository: string, tag: string): Promise<string> {
  const manifest = (await (await call('GET', `/v2/${repository}/manifests/${tag}`)).json()) as {
    layers: [{ digest: string }]
  }
  return (await call('GET', `/v2/${repository}/blobs/${manifest.layers[0].digest}`)).text()
}

const SERVER = { serial: 'SN1', bmc_url: 'https://192.0.2.7', bmc_username: 'root', bmc_password: 'hush' }

test('what was acknowledged before a backup is in it, whatever is pushed and deleted meanwhile', async () => {
  const running = await start(join(directory, 'data'))
  await running.call('POST', '/api/v1/servers', SERVER)
  const acknowledged = new Map<string, string>()
  let going = true
  const pushing = (async () => {
    for (let n = 0; going; n++) {
      await push(running, 'os/debian', `v${n}`, `layer ${n} ${'x'.repeat(n * 100)}`)
      if (!going) return
      acknowledged.set(`v${n}`, `layer ${n} ${'x'.repeat(n * 100)}`)
    }
  })()
  const deleting = (async () => {
    for (let n = 0; going; n++) {
      await push(running, 'scratch', 'gone', `scratch ${n}`)
      await running.call('DELETE', '/v2/scratch/manifests/gone')
    }
  })()
  await expect.poll(() => acknowledged.size).toBeGreaterThan(3)
  const before = new Map(acknowledged)
  const backups = join(directory, 'backups')
  const { manifest, copied } = await createBackup(
    backups,
    { dataDir: running.data, config: undefined },
    systemClock,
    never,
  )
  expect(manifest.holds).toMatchObject({ servers: 1, repositories: expect.any(Number) })
  expect(copied.blobs).toBeGreaterThanOrEqual(before.size)
  going = false
  await Promise.all([pushing, deleting])
  await running.stop()

  const snapshot = await findSnapshot(backups, undefined)
  expect(await verifySnapshot(backups, snapshot, never)).toEqual([])
  await restoreSnapshot(backups, snapshot, join(directory, 'restored'), systemClock, never)
  const again = await start(join(directory, 'restored'))
  for (const [tag, content] of before) expect(await pull(again, 'os/debian', tag)).toBe(content)
  const servers = (await (await again.call('GET', '/api/v1/servers')).json()) as { servers: unknown[] }
  expect(servers.servers).toMatchObject([{ serial: 'SN1', bmc: { username: 'root' } }])
  expect(await askControl(join(again.data, 'registry'), '/scrub', {}, never)).toMatchObject({ damaged: [] })
  await again.stop()
}, 60_000)

test('a second backup copies only what is new; both can be restored; nothing in them is for others to read', async () => {
  const running = await start(join(directory, 'data'))
  await push(running, 'a', 'v1', 'one')
  const backups = join(directory, 'backups')
  const source = { dataDir: running.data, config: undefined }
  const first = await createBackup(backups, source, { now: () => new Date(0) }, never)
  await push(running, 'a', 'v2', 'two')
  await running.stop()
  const second = await createBackup(backups, source, { now: () => new Date(1000) }, never)
  expect([first.copied.blobs, second.copied.blobs]).toEqual([2, 1])
  expect((await listSnapshots(backups)).map(({ name }) => name)).toEqual([first.name, second.name])
  expect(
    readdirSync(backups, { recursive: true, withFileTypes: true }).filter((entry) => {
      const { mode } = statSync(join(entry.parentPath, entry.name))
      return (mode & 0o077) !== 0
    }),
  ).toEqual([])

  await restoreSnapshot(backups, await findSnapshot(backups, first.name), join(directory, 'old'), systemClock, never)
  const old = await start(join(directory, 'old'))
  expect(await pull(old, 'a', 'v1')).toBe('one')
  expect((await old.call('GET', '/v2/a/manifests/v2')).status).toBe(404)
  await old.stop()
}, 30_000)

test('a changed byte of a backup is found, and is never restored', async () => {
  const running = await start(join(directory, 'data'))
  await push(running, 'a', 'v1', 'one')
  await running.stop()
  const backups = join(directory, 'backups')
  await createBackup(backups, { dataDir: running.data, config: undefined }, systemClock, never)
  const snapshot = await findSnapshot(backups, undefined)
  const blob = storedBlobPath(backups, parseDigest(sha256('one')))
  await chmod(blob, 0o600)
  writeFileSync(blob, 'oNe')
  expect(await verifySnapshot(backups, snapshot, never)).toEqual([sha256('one')])
  const restored = join(directory, 'restored')
  await expect(restoreSnapshot(backups, snapshot, restored, systemClock, never)).rejects.toMatchObject({
    code: 'digest-mismatch',
  })
  expect(readdirSync(directory).filter((name) => name.startsWith('restored'))).toEqual([])

  writeFileSync(blob, 'one')
  writeFileSync(join(snapshot.path, 'keys', 'master.key'), Buffer.alloc(32))
  expect(await verifySnapshot(backups, snapshot, never)).toEqual(['keys/master.key'])
  await expect(restoreSnapshot(backups, snapshot, restored, systemClock, never)).rejects.toMatchObject({
    code: 'digest-mismatch',
  })
})

test('nothing is ever overwritten, and what is no backup or no controller is told', async () => {
  const running = await start(join(directory, 'data'))
  await running.stop()
  const backups = join(directory, 'backups')
  await createBackup(backups, { dataDir: running.data, config: undefined }, systemClock, never)
  const snapshot = await findSnapshot(backups, undefined)
  await expect(restoreSnapshot(backups, snapshot, running.data, systemClock, never)).rejects.toThrow('it is not empty')
  const empty = join(directory, 'empty')
  await mkdir(empty, { mode: 0o700 })
  await restoreSnapshot(backups, snapshot, empty, systemClock, never)
  expect(readdirSync(empty)).toEqual(expect.arrayContaining(['controller.db', 'keys', 'registry']))
  await expect(listSnapshots(empty)).rejects.toThrow('it holds no backups')
  await expect(findSnapshot(backups, 'yesterday')).rejects.toMatchObject({ code: 'not-found' })
  const nothing = { dataDir: join(directory, 'nothing'), config: undefined }
  await expect(createBackup(backups, nothing, systemClock, never)).rejects.toThrow('there is no registry in it')
  expect(readdirSync(join(backups, 'snapshots'))).toEqual([snapshot.name])
})

test('a damaged or foreign entry keeps nobody from the other snapshots', async () => {
  const running = await start(join(directory, 'data'))
  await running.stop()
  const backups = join(directory, 'backups')
  const source = { dataDir: running.data, config: undefined }
  const good = await createBackup(backups, source, { now: () => new Date(0) }, never)
  const rotten = await createBackup(backups, source, { now: () => new Date(1000) }, never)
  const snapshots = join(backups, 'snapshots')
  writeFileSync(join(snapshots, rotten.name, 'manifest.json'), '{')
  writeFileSync(join(snapshots, '.nfs0001'), '')
  writeFileSync(join(snapshots, 'notes.txt'), '')
  await mkdir(join(snapshots, '@eaDir'))
  expect(await listSnapshots(backups)).toMatchObject([
    { name: good.name, manifest: { format: 1 } },
    { name: rotten.name, problem: expect.stringContaining('its manifest is missing or damaged') },
  ])
  expect(await findSnapshot(backups, good.name)).toMatchObject({ name: good.name })
  await expect(findSnapshot(backups, undefined)).rejects.toThrow('--snapshot NAME takes another')
  await rm(join(snapshots, rotten.name), { recursive: true })
  expect(await findSnapshot(backups, undefined)).toMatchObject({ name: good.name })
})

test('what a killed backup has left is removed by a later one, but not what is young', async () => {
  const running = await start(join(directory, 'data'))
  await running.stop()
  const backups = join(directory, 'backups')
  const snapshots = join(backups, 'snapshots')
  for (const day of ['01', '09'])
    await mkdir(join(snapshots, `2026-01-${day}T00-00-00-000Z.partial`), { recursive: true })
  await mkdir(join(snapshots, '01-old.partial'))
  const clock = { now: () => new Date('2026-01-10T00:00:00Z') }
  const { name } = await createBackup(backups, { dataDir: running.data, config: undefined }, clock, never)
  expect(readdirSync(snapshots).sort()).toEqual(['01-old.partial', '2026-01-09T00-00-00-000Z.partial', name])
})

test('a database that cannot be copied is a backup that failed', async () => {
  const running = await start(join(directory, 'data'))
  await running.stop()
  writeFileSync(
    join(running.data, 'controller.db'),
    'no database, but longer than the header of one would be'.repeat(9),
  )
  const made = createBackup(join(directory, 'b'), { dataDir: running.data, config: undefined }, systemClock, never)
  await expect(made).rejects.toMatchObject({ code: 'backup-failed' })
})

test('a file where a directory is needed is a sentence, and no half copy stays', async () => {
  const running = await start(join(directory, 'data'))
  await push(running, 'a', 'v1', 'one')
  await running.stop()
  const source = { dataDir: running.data, config: undefined }
  writeFileSync(join(directory, 'file'), '')
  const failed = { code: 'backup-failed', message: expect.stringMatching(/^Cannot make a backup in ".*file"$/) }
  await expect(createBackup(join(directory, 'file'), source, systemClock, never)).rejects.toMatchObject(failed)

  const backups = join(directory, 'backups')
  await mkdir(storedBlobPath(backups, parseDigest(sha256('one'))), { recursive: true })
  await expect(createBackup(backups, source, systemClock, never)).rejects.toMatchObject({ code: 'backup-failed' })
  expect(readdirSync(backups, { recursive: true }).filter((name) => String(name).endsWith('.partial'))).toEqual([])
  await createBackup(join(directory, 'good'), source, systemClock, never)
  const snapshot = await findSnapshot(join(directory, 'good'), undefined)
  const below = join(directory, 'file', 'data')
  await expect(restoreSnapshot(join(directory, 'good'), snapshot, below, systemClock, never)).rejects.toMatchObject({
    code: 'backup-failed',
  })
})
