import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import type { ServeConfig } from '../../src/config.ts'
import type { Started } from '../../src/server/compose.ts'
import { runController } from '../../src/server/compose.ts'
import { file, imageOf } from '../isobuilder/image-bytes.ts'
import { openBelow } from '../isobuilder/open-below.ts'
import { scratch } from '../support/scratch.ts'

let directory = ''

beforeEach(() => {
  directory = scratch()
})

function config(change: Partial<ServeConfig> = {}): ServeConfig {
  return {
    host: '127.0.0.1',
    port: 0,
    listenFd: undefined,
    mediaListen: undefined,
    mediaListenFd: undefined,
    dataDir: join(directory, 'data'),
    publicUrl: 'http://127.0.0.1:1',
    mediaUrl: undefined,
    maintenanceIso: undefined,
    adminTokenFile: join(directory, 'token'),
    registryPolicy: undefined,
    allowLoopbackBmc: true,
    workers: 1,
    budgets: {},
    keepJobs: 0,
    logLevel: 'silent',
    metricsOpen: false,
    tls: false,
    tlsFiles: undefined,
    ...change,
  }
}

/** Starts a controller, gives it to `use`, and stops it. */
async function withController(
  settings: ServeConfig,
  use: (started: Started) => Promise<void>,
  again?: () => Promise<ServeConfig>,
): Promise<void> {
  const stop = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<Started>()
  const ended = runController(settings, pino({ level: 'silent' }), resolve, stop.signal, again)
  ended.catch(reject)
  try {
    await use(await promise)
  } finally {
    stop.abort()
    await ended
  }
}

test('a second controller on the same data directory is refused, and one after it is not', async () => {
  await withController(config(), async () => {
    await expect(withController(config(), async () => undefined)).rejects.toThrow('another provisioner is running')
  })
  await withController(config(), async ({ url }) => {
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })
})

test('a first token that could not be written is made again at the next start', async () => {
  writeFileSync(join(directory, 'file'), '')
  const nowhere = config({ adminTokenFile: join(directory, 'file', 'token') })
  await expect(withController(nowhere, async () => undefined)).rejects.toMatchObject({ code: 'config-invalid' })
  await withController(config(), async ({ url }) => {
    const token = readFileSync(join(directory, 'token'), 'utf8').trim()
    const answer = await fetch(`${url}/api/v1/jobs`, { headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(200)
  })
})

test('a port that is taken ends the start, and leaves nothing behind: no token that was never shown', async () => {
  await withController(config(), async ({ url }) => {
    const other = { dataDir: join(directory, 'other'), adminTokenFile: undefined }
    const taken = config({ port: Number(new URL(url).port), ...other })
    await expect(withController(taken, async () => undefined)).rejects.toThrow('Cannot listen on 127.0.0.1')
    await withController(config(other), async ({ adminToken }) => expect(adminToken).toMatch(/^prv_/))
  })
})

test('a data directory that cannot be used is named, with the reason', async () => {
  writeFileSync(join(directory, 'file'), '')
  const started = withController(config({ dataDir: join(directory, 'file', 'data') }), async () => undefined)
  await expect(started).rejects.toThrow(`Cannot use the data directory "${join(directory, 'file', 'data')}"`)
})

test('a database that could not be flushed ends the controller, which nobody would notice otherwise', async () => {
  // The log is beside the file itself, not beside the link, so the first flush of it fails.
  mkdirSync(join(directory, 'data'))
  symlinkSync(join(directory, 'real.db'), join(directory, 'data', 'controller.db'))
  const ended = runController(config(), pino({ level: 'silent' }), () => undefined, new AbortController().signal)
  await expect(ended).rejects.toThrow('Cannot go on: the database could not be flushed to the disk')
})

test('the maintenance image is open as long as the controller runs, and no longer, also when its start fails', async () => {
  const maintenanceIso = join(directory, 'maintenance.iso')
  writeFileSync(maintenanceIso, await imageOf([file('boot.bin')], 'MAINTENANCE'))
  await withController(config({ maintenanceIso }), async ({ url }) => {
    expect((await fetch(`${url}/api/static/bootc-maintenance.iso`)).status).toBe(200)
    expect(await openBelow(maintenanceIso)).toBe(1)
    const taken = config({ maintenanceIso, port: Number(new URL(url).port), dataDir: join(directory, 'other') })
    await expect(withController(taken, async () => undefined)).rejects.toThrow('Cannot listen on 127.0.0.1')
    expect(await openBelow(maintenanceIso)).toBe(1)
  })
  expect(await openBelow(maintenanceIso)).toBe(0)
})

test('on SIGHUP another maintenance image is served; one that cannot be read changes nothing', async () => {
  const write = async (name: string) => {
    writeFileSync(join(directory, name), await imageOf([file('boot.bin', name)], 'MAINTENANCE'))
    return join(directory, name)
  }
  let settings = config({ maintenanceIso: await write('a.iso') })
  const hangUp = async (change: Partial<ServeConfig>) => {
    settings = { ...settings, ...change }
    process.emit('SIGHUP', 'SIGHUP')
  }
  await withController(
    settings,
    async ({ url }) => {
      const etag = async () => (await fetch(`${url}/api/static/bootc-maintenance.iso`)).headers.get('etag')
      const first = await etag()
      await hangUp({ maintenanceIso: await write('b.iso') })
      await expect.poll(etag).not.toBe(first)
      const second = await etag()
      await hangUp({ maintenanceIso: join(directory, 'none.iso') })
      await hangUp({ maintenanceIso: join(directory, 'a.iso') })
      await expect.poll(etag).toBe(first)
      expect(second).not.toBe(first)
    },
    async () => settings,
  )
})
