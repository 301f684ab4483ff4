import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { runPaths } from '../../src/dispatcher/paths.ts'
import { runNamedStep } from '../../src/dispatcher/run-step.ts'
import { runStep, type Step, type StepContext } from '../../src/dispatcher/steps/step.ts'
import { errorText } from '../../src/shared/errors.ts'
import { systemClock } from '../../src/shared/time.ts'
import { scratch } from '../support/scratch.ts'

let at: string

beforeEach(() => {
  at = scratch()
})

async function left(state: object): Promise<void> {
  const { state: directory, dispatcher } = runPaths(at)
  await mkdir(directory, { recursive: true })
  await writeFile(dispatcher, JSON.stringify({ protected_devices: [], ...state }))
}

const step = (name: string) => runNamedStep(name, at, () => undefined, new AbortController().signal)

test('a step runs only on what the dispatcher has handed over, not on what it refused', async () => {
  await expect(step('partition')).rejects.toThrow(`the dispatcher has left nothing in ${join(at, 'state')}`)
  await left({ status: 'failed', exit_code: 18 })
  await expect(step('partition')).rejects.toThrow(
    'Cannot run the step "partition": the dispatcher has not handed over the task',
  )
  // It gets as far as the copy of the medium, which is not there.
  await left({ status: 'handed-over', exit_code: 0 })
  await expect(step('partition')).rejects.toMatchObject({ code: 'medium-unreadable' })
})

test('a step that there is not is refused with the names of those there are', async () => {
  await expect(step('dance')).rejects.toThrow(/there are .*partition, /)
})

test('a file that cannot be written fails the step with its path, and is no bug', async () => {
  const broken: Step = {
    name: 'bootloader-linux',
    prefix: 'bootloader',
    run: () => writeFile(join(at, 'no/such/directory'), '').then(() => ({})),
  }
  const progress = { message: () => {}, bytes: () => {}, announce: async () => {}, flush: async () => {} }
  const context = { progress, paths: runPaths(at), clock: systemClock, say: () => {} } as unknown as StepContext
  const failure: unknown = await runStep(broken, context).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'step-failed' })
  expect(errorText(failure)).toMatch(/^Cannot finish the step "bootloader-linux": ENOENT: .*no\/such\/directory/)
})
