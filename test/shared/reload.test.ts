import { expect, test } from 'vitest'
import { AppError } from '../../src/shared/errors.ts'
import { createLogger } from '../../src/shared/log.ts'
import { reload } from '../../src/shared/reload.ts'

interface Settings {
  readonly level: string
  readonly image: string
  readonly port: number
}

const FIRST: Settings = { level: 'info', image: 'a.iso', port: 1 }

async function reloaded(read: () => Promise<Settings>) {
  const lines: Record<string, unknown>[] = []
  const applied: string[] = []
  const after = await reload(FIRST, {
    read,
    apply: {
      level: (level) => void applied.push(level),
      image(image) {
        if (image === 'gone.iso') throw new AppError('config-invalid', 'Cannot read it')
        applied.push(image)
      },
    },
    always: ['image'],
    log: createLogger('info', { write: (line) => void lines.push(JSON.parse(line)) }),
  })
  return { after, applied, lines }
}

test('what can be taken over is, and what cannot is named', async () => {
  const { after, applied, lines } = await reloaded(async () => ({ level: 'debug', image: 'a.iso', port: 2 }))
  expect(applied).toEqual(['debug', 'a.iso'])
  // Still the former port: the next reload says so again.
  expect(after).toEqual({ level: 'debug', image: 'a.iso', port: 1 })
  expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', settings: ['port'] }))
})

test('a configuration with problems changes nothing', async () => {
  const problems = [{ path: '/lisen', code: 'setting', message: 'line 1: no' }]
  const { after, applied, lines } = await reloaded(async () => {
    throw new AppError('config-invalid', 'Cannot use it', { problems })
  })
  expect(after).toBe(FIRST)
  expect(applied).toEqual([])
  expect(lines).toEqual([expect.objectContaining({ level: 'error', problems })])
})

test('a setting that cannot be taken over stays as it was, the others are', async () => {
  const { after, lines } = await reloaded(async () => ({ level: 'debug', image: 'gone.iso', port: 1 }))
  expect(after).toEqual({ ...FIRST, level: 'debug' })
  expect(lines).toContainEqual(expect.objectContaining({ level: 'error', setting: 'image' }))
})
