import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { PolicyFile } from '../../src/registry/policy-file.ts'
import { openPolicyFile } from '../../src/registry/policy-file.ts'
import { HTPASSWD } from './access/people.ts'
import { silent, temporaryDirectory } from './support/open-registry.ts'

const RULE = "rules: [{ repositories: ['**'], who: [anonymous], allow: [pull] }]\n"

async function opened(text: string, everyMs = 60_000): Promise<PolicyFile & { directory: string; path: string }> {
  const directory = await temporaryDirectory()
  const path = join(directory, 'policy.yaml')
  await writeFile(join(directory, 'people'), HTPASSWD)
  await writeFile(path, text)
  const file = await openPolicyFile(path, silent, everyMs)
  onTestFinished(file.close)
  return { ...file, directory, path }
}

test('the policy and its password file are read, relative to the policy', async () => {
  const file = await opened(`htpasswd: people\n${RULE}`)
  expect([...file.current().users.keys()]).toEqual(['carla', 'dave', 'erin'])
  expect(file.current().rules).toHaveLength(1)
})

test('a change of either file is found without being told', async () => {
  const file = await opened('htpasswd: people\n', 5)
  await writeFile(file.path, `htpasswd: people\n${RULE}`)
  await vi.waitFor(() => expect(file.current().rules).toHaveLength(1))
  // Replaced by a rename, as editors and secrets in containers do.
  await writeFile(join(file.directory, 'new'), HTPASSWD.split('\n').slice(0, 2).join('\n'))
  await rename(join(file.directory, 'new'), join(file.directory, 'people'))
  await vi.waitFor(() => expect([...file.current().users.keys()]).toEqual(['carla']))
})

test('SIGHUP reads it again', async () => {
  const file = await opened('{}\n')
  await writeFile(file.path, RULE)
  process.emit('SIGHUP')
  await vi.waitFor(() => expect(file.current().rules).toHaveLength(1))
})

test('what cannot be used is not used: the former policy stays until the file is right again', async () => {
  const file = await opened(RULE)
  const former = file.current()
  for (const text of ['rules: nonsense\n', 'a: [', 'htpasswd: missing\n']) {
    await writeFile(file.path, text)
    await file.reload()
    expect(file.current()).toBe(former)
  }
  await writeFile(file.path, '{}\n')
  await file.reload()
  expect(file.current().rules).toEqual([])
})

test('at the start it must be right', async () => {
  await expect(opened('rules: nonsense\n')).rejects.toThrow('Cannot use the registry policy')
  await expect(opened('htpasswd: missing\n')).rejects.toThrow('Cannot read')
  await expect(openPolicyFile('/nonexistent/policy', silent)).rejects.toThrow('Cannot read')
})
