import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { exportContext } from '../../src/maintenance/export.ts'
import { scratch } from '../support/scratch.ts'

let at: string

beforeEach(async () => {
  at = scratch()
  await writeFile(join(at, 'program'), 'program')
})

test('the context has everything that its Containerfiles copy, and the trust it was given', async () => {
  const context = join(at, 'context')
  const written = await exportContext(context, join(at, 'program'), {
    taskKey: Buffer.from('KEY'),
    ca: Buffer.from('CA'),
  })
  for (const name of ['Containerfile', 'Containerfile.tools']) {
    const text = await readFile(join(context, name), 'utf8')
    const sources = [...text.matchAll(/^COPY (?!--from)(?:--\S+ )?(\S+)/gm)].map((match) => match[1] ?? '')
    for (const source of sources) expect((await stat(join(context, source))).isDirectory()).toBe(source.endsWith('/'))
  }
  expect(await readFile(join(context, 'assets/trust/controller.pub'), 'utf8')).toBe('KEY')
  expect(await readFile(join(context, 'assets/trust/ca.crt'), 'utf8')).toBe('CA')
  expect((await stat(join(context, 'dist/provisioner'))).mode & 0o777).toBe(0o755)
  expect(written).toContain('assets/units/provision-firewall.service')
})

test('a directory that holds something is not written to', async () => {
  await expect(exportContext(at, join(at, 'program'))).rejects.toMatchObject({ code: 'request-invalid' })
})

test('without trust there is no key, so that the image says that it trusts none', async () => {
  const written = await exportContext(join(at, 'context'), join(at, 'program'))
  expect(written.filter((name) => name.startsWith('assets/trust/'))).toEqual(['assets/trust/README'])
})
