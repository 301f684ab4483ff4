import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EXITS, UNEXPECTED } from '../../src/dispatcher/exit-codes.ts'
import { noticeText, screens } from '../../src/dispatcher/screen.ts'
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
  at = await mkdtemp(join(tmpdir(), 'screen-'))
  said = []
  await mkdir(join(at, 'sys/class/tty/console'), { recursive: true })
  await mkdir(join(at, 'dev'))
  for (const name of ['tty0', 'ttyS0', 'ttyS1']) await writeFile(join(at, 'dev', name), '')
})

afterEach(() => rm(at, { recursive: true }))

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

test('for every exit code of the dispatcher there is something to do, and the manual says the same', async () => {
  const manual = await readFile(join(import.meta.dirname, '../../docs/maintenance-os.md'), 'utf8')
  const exits = [...Object.values(EXITS), UNEXPECTED]
  expect(exits.map(({ code }) => code)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
  for (const { code, advice } of exits) expect(manual).toContain(`| ${code} | ${advice} |`)
})
