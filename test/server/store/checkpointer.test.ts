import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { startCheckpointer } from '../../../src/server/store/checkpointer.ts'
import { openDatabase } from '../../../src/server/store/database.ts'
import type { Logger } from '../../../src/shared/log.ts'
import { scratch } from '../../support/scratch.ts'

function fakeLog() {
  const warn = vi.fn<(facts: { readonly err: unknown }, message: string) => void>()
  return { warn, log: { warn } as unknown as Logger }
}

/** As if it had been made a second ago. */
function later(): void {
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + 2000)
}

afterEach(() => void vi.restoreAllMocks())

test('what is in the write-ahead log comes into the file, and after a close nobody waits for the thread', async () => {
  const { log, warn } = fakeLog()
  const path = join(scratch(), 'x.db')
  const db = openDatabase(path)
  const checkpointer = startCheckpointer(path, log)
  const before = statSync(path).size
  db.exec('CREATE TABLE large AS SELECT zeroblob(1000000)')
  checkpointer.ask()
  later()
  checkpointer.ask()
  await checkpointer.close()
  expect(statSync(path).size).toBeGreaterThan(before + 1_000_000)
  expect(warn).not.toHaveBeenCalled()
  db.close()
})

test('a thread that fails is told once, and closing it ends', async () => {
  const { log, warn } = fakeLog()
  const checkpointer = startCheckpointer(join(scratch(), 'absent/x.db'), log)
  later()
  checkpointer.ask()
  await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1))
  expect(warn.mock.calls[0]?.[0].err).toMatchObject({ code: 'internal', cause: { code: 'ERR_SQLITE_ERROR' } })
  checkpointer.ask()
  await checkpointer.close()
  expect(warn).toHaveBeenCalledTimes(1)
})
