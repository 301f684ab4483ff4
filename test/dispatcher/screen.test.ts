import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { EXITS, UNEXPECTED } from '../../src/dispatcher/exit-codes.ts'
import { noticeText, screens } from '../../src/dispatcher/screen.ts'
import { scratch } from '../support/scratch.ts'
import { JOB } from './task-medium.ts'

const NOTICE = {
  title: 'PROVISIONING FAILED in x.service',
  job: JOB,
  facts: [['why', 'one\ntwo\x1b[2J']],
  advice: 'Nothing.',
} as const

let at: string
let said: string[]

beforeEach(async () => {
  at = scratch()
  said = []
  await mkdir(join(at, 'sys/class/tty/console'), { recursive: true })
  await mkdir(join(at, 'dev'))
  for (const name of ['tty0', 'ttyS0', 'ttyS1']) await writeFile(join(at, 'dev', name), '')
})

test('a notice says who, what, why, under which address, and what to do', () => {
  expect(noticeText(NOTICE, ['eth0 192.0.2.17/24']).split('\n').slice(2, -2)).toEqual([
    '  PROVISIONING FAILED in x.service',
    '',
    '  server      SN123',
    `  job         ${JOB.job_id}, attempt 1, of ${JOB.controller.url}`,
    '  why         one',
    '              two?[2J',
    '  addresses   eth0 192.0.2.17/24',
    '  what to do  Nothing.',
  ])
})

test('every console of the kernel shows it, the screen and the serial line', async () => {
  await writeFile(join(at, 'sys/class/tty/console/active'), 'tty0 ttyS0\n')
  await screens({ sys: join(at, 'sys'), dev: join(at, 'dev') }, (line) => void said.push(line))(NOTICE)
  for (const [name, shown] of [
    ['tty0', true],
    ['ttyS0', true],
    ['ttyS1', false],
  ] as const) {
    expect((await readFile(join(at, 'dev', name), 'utf8')).includes('PROVISIONING FAILED')).toBe(shown)
  }
})

test('a console that is not there stops nothing', async () => {
  await writeFile(join(at, 'sys/class/tty/console/active'), 'hvc0 ttyS0\n')
  await screens({ sys: join(at, 'sys'), dev: join(at, 'dev') }, (line) => void said.push(line))(NOTICE)
  expect(said).toHaveLength(1)
  expect(await readFile(join(at, 'dev/ttyS0'), 'utf8')).toContain('PROVISIONING FAILED')
})

/** A line whose buffer is full: a pipe behaves as a terminal does. */
async function fullLine(name: string) {
  const path = join(at, 'dev', name)
  await rm(path)
  execFileSync('mkfifo', [path])
  const line = await open(path, constants.O_RDWR | constants.O_NONBLOCK)
  let filled = 0
  for (;;) {
    const written = await line.write(Buffer.alloc(4096, 'x')).catch(() => undefined)
    if (written === undefined) break
    filled += written.bytesWritten
  }
  await writeFile(join(at, 'sys/class/tty/console/active'), `${name} ttyS1\n`)
  return { line, filled }
}

const WHY = `${'a long line '.repeat(16)}\n`.repeat(12)
/** More than a pipe takes at once. */
const LONG = { ...NOTICE, facts: [1, 2, 3].map((fact) => [`why ${fact}`, WHY] as const) }

test('a serial line that takes little at a time gets the whole notice, to its last word', async () => {
  const { line, filled } = await fullLine('ttyS0')
  const read: Buffer[] = []
  const drain = async () => {
    const { buffer, bytesRead } = await line.read(Buffer.alloc(4096))
    read.push(buffer.subarray(0, bytesRead))
  }
  await screens({ sys: join(at, 'sys'), dev: join(at, 'dev') }, (text) => void said.push(text), drain)(LONG)
  await expect(
    (async () => {
      for (;;) await drain()
    })(),
  ).rejects.toMatchObject({ code: 'EAGAIN' })
  await line.close()
  const shown = Buffer.concat(read).toString('latin1').slice(filled)
  expect(shown.length).toBeGreaterThan(6000)
  expect(shown).toMatch(/PROVISIONING FAILED in x.service.*what to do {2}Nothing\.\r\n=+\r\n$/s)
  expect(said).toEqual([])
})

test('a serial line that nobody reads holds up neither the others nor the boot for long', async () => {
  const { line } = await fullLine('ttyS0')
  let waited = 0
  const pause = async (ms: number) => {
    if (waited === 0)
      await vi.waitFor(async () => expect(await readFile(join(at, 'dev/ttyS1'), 'utf8')).toContain('FAILED'))
    waited += ms
  }
  await screens({ sys: join(at, 'sys'), dev: join(at, 'dev') }, (text) => void said.push(text), pause)(NOTICE)
  await line.close()
  expect(said).toEqual([expect.stringContaining('EAGAIN')])
  expect(waited).toBeGreaterThan(5000)
  expect(waited).toBeLessThan(15_000)
})

test('a long line is cut, so that addresses and advice stay in sight', () => {
  const text = noticeText({ ...NOTICE, facts: [['why', 'x'.repeat(100_000)]] }, [])
  expect(text).toContain(`why         ${'x'.repeat(197)}...\n`)
  expect(text).toContain('what to do  Nothing.')
})

test('for every exit code of the dispatcher there is something to do, and the manual says the same', async () => {
  const manual = await readFile(join(import.meta.dirname, '../../docs/maintenance-os.md'), 'utf8')
  const exits = [...Object.values(EXITS), UNEXPECTED]
  expect(exits.map(({ code }) => code)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
  for (const { code, advice } of exits) expect(manual).toContain(`| ${code} | ${advice} |`)
})
