import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withMounts } from '../../../src/dispatcher/steps/mounts.ts'
import { AppError } from '../../../src/shared/errors.ts'
import type { Command, Programs } from '../../../src/shared/exec.ts'
import { scratch } from '../../support/scratch.ts'

const never = new AbortController().signal

/** Programs that do nothing but be told of; `broken` is the one that fails. */
function recorded(broken?: string): { programs: Programs; ran: string[] } {
  const ran: string[] = []
  const run = async ({ argv }: Command) => {
    ran.push(argv.join(' '))
    if (argv[0] === broken) throw new AppError('program-failed', `Cannot finish "${broken}"`)
  }
  const read = async (command: Command) => {
    await run(command)
    return ''
  }
  return { programs: { run, read, feed: run }, ran }
}

async function twoMounts() {
  const root = scratch()
  const mounts = [root, join(root, 'boot')].map((directory) => ({
    directory,
    command: { argv: ['mount', directory] } as const,
  }))
  return { root, mounts }
}

test('every file system is on its disk before it is unmounted, for umount tells no write that failed', async () => {
  const { root, mounts } = await twoMounts()
  const { programs, ran } = recorded()
  const used = () => void ran.push('use')
  await withMounts(mounts, root, programs, never, async () => used())
  expect(ran).toEqual([
    `mount ${root}`,
    `mount ${root}/boot`,
    'use',
    `sync --file-system ${root} ${root}/boot`,
    `umount --recursive ${root}`,
  ])
})

test('what could not be written to a disk fails the step, and nothing stays mounted', async () => {
  const { root, mounts } = await twoMounts()
  const { programs, ran } = recorded('sync')
  await expect(withMounts(mounts, root, programs, never, async () => 1)).rejects.toThrow('Cannot finish "sync"')
  expect(ran.at(-1)).toBe(`umount --recursive --lazy ${root}`)
})
