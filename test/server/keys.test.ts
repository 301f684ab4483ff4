import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { dataPaths } from '../../src/config.ts'
import { loadKeys, replaceMasterKey } from '../../src/server/keys.ts'
import { rotateMasterKey } from '../../src/server/rotate-key.ts'
import { holdDirectory, openDatabase } from '../../src/server/store/database.ts'
import { sqliteJobStore } from '../../src/server/store/jobs.ts'
import { sealedSample } from '../../src/server/store/sealed-passwords.ts'
import { sqliteServerStore } from '../../src/server/store/servers.ts'
import { scratch } from '../support/scratch.ts'
import { sampleJob } from './support/sample-job.ts'

let directory = ''
let keys = ''
const master = () => join(keys, 'master.key')

beforeEach(() => {
  directory = scratch()
  keys = dataPaths(directory).keys
})

const sealedWith = async (text = 'hunter2') => ({
  bytes: (await loadKeys(keys)).seal.close(text, 'SN1'),
  context: 'SN1',
})

test('keys are made at the first start for their owner only, and are the same at the next', async () => {
  const first = await loadKeys(keys)
  expect([master(), join(keys, 'task.pem')].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600])
  const again = await loadKeys(keys)
  expect(again.seal.open(first.seal.close('hunter2', 'SN1'), 'SN1')).toBe('hunter2')
  expect(again.taskPublicPem).toBe(first.taskPublicPem)
})

test('a sealed text is of its row alone', async () => {
  const { seal } = await loadKeys(keys)
  expect(() => seal.open(seal.close('hunter2', 'SN1'), 'SN2')).toThrow('the key file is another one')
})

test.for(['master.key', 'task.pem'])('%s that others may read ends the start', async (name) => {
  await loadKeys(keys)
  chmodSync(join(keys, name), 0o640)
  await expect(loadKeys(keys)).rejects.toThrow(/others may read it \(mode 0640, not 0600\)/)
})

test('a missing key is not replaced by a new one while something is sealed with it', async () => {
  const sealed = await sealedWith()
  rmSync(master())
  await expect(loadKeys(keys, sealed)).rejects.toThrow(/Cannot find .*bring it back from a backup/)
  await loadKeys(keys)
  await expect(loadKeys(keys, sealed)).rejects.toThrow('were sealed with another key')
})

/** A data directory with one server and one job in `status`. */
async function site(status: 'queued' | 'complete'): Promise<void> {
  const db = openDatabase(dataPaths(directory).database)
  const { seal } = await loadKeys(keys)
  const bmc = { url: 'https://192.0.2.7', username: 'root', password: 'hunter2', verifyTls: false }
  const none = { uuid: null, vendor: null, network: null, createdAt: new Date(0) }
  await sqliteServerStore(db, seal).add({ serial: 'SN1', bmc, ...none })
  await sqliteJobStore(db).create(sampleJob({ status }), { type: 'status', message: 'queued' })
  db.close()
}

async function passwordNow(): Promise<string | undefined> {
  const db = openDatabase(dataPaths(directory).database)
  try {
    const { seal } = await loadKeys(keys, sealedSample(db))
    return (await sqliteServerStore(db, seal).find('SN1'))?.bmc.password
  } finally {
    db.close()
  }
}

test('after a rotation the old key opens nothing and the passwords are the same', async () => {
  await site('complete')
  const before = readFileSync(master())
  await rotateMasterKey(directory)
  expect(await passwordNow()).toBe('hunter2')
  expect(readFileSync(master()).equals(before)).toBe(false)
  writeFileSync(master(), before)
  await expect(passwordNow()).rejects.toThrow('were sealed with another key')
})

test.for([
  ['before the passwords were sealed anew', false],
  ['after it', true],
])('a rotation that dies %s leaves a controller that starts', async ([, after]) => {
  await site('complete')
  const db = openDatabase(dataPaths(directory).database)
  const died = replaceMasterKey(keys, (from, to) => {
    const sealed = sealedSample(db)
    const update = db.prepare('UPDATE servers SET bmc_password = ?')
    if (after === true && sealed) update.run(to.close(from.open(sealed.bytes, 'SN1'), 'SN1'))
    throw new Error('killed')
  })
  await expect(died).rejects.toThrow('killed')
  db.close()
  expect(await passwordNow()).toBe('hunter2')
  expect(await passwordNow()).toBe('hunter2')
})

test('the key is not replaced under an active job or a running controller', async () => {
  await site('queued')
  await expect(rotateMasterKey(directory)).rejects.toThrow('1 jobs are active')
  const held = holdDirectory(dataPaths(directory).lock)
  await expect(rotateMasterKey(directory)).rejects.toThrow('another provisioner is running')
  held.close()
})
