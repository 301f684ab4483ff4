import { expect, test, vi } from 'vitest'
import { AppError } from '../../src/shared/errors.ts'
import { newJobId } from '../../src/shared/ids.ts'
import { dispatching } from './dispatching.ts'
import { JOB } from './task-medium.ts'

const here = dispatching()

const MADE = new Date('2026-11-30T01:02:03.400Z')
const job = { ...JOB, job_id: newJobId(MADE) }
const SET = `date --set=@${MADE.getTime() / 1000 + 0.6}`
const START = 'systemctl start --no-block install-linux.target'

function at(time: string) {
  return { clock: { now: () => new Date(time) } }
}

test.for<[string, string, string[]]>([
  ['years behind', '2019-01-01T00:00:00Z', [SET, START]],
  ['more than a day behind', '2026-11-29T01:02:03Z', [SET, START]],
  ['hours behind', '2026-11-29T01:02:04Z', [START]],
  ['right', '2026-11-30T01:03:00Z', [START]],
  ['ahead', '2031-01-01T00:00:00Z', [START]],
])('a clock that is %s is set to the time of the job, or left alone', async ([, now, ran]) => {
  expect(await here.go({ job }, at(now))).toBe(0)
  expect(here.ran).toEqual(ran)
})

test('that the clock was wrong is said in the journal, and is an event of the job before a step reports', async () => {
  const events: string[] = []
  const progress = () => ({ ...here.deps.progress(job, '', new AbortController().signal), announce })
  const announce = async (text: string) => {
    events.push(text)
    // A hand-over that did not wait would be there by then.
    await vi.waitUntil(() => here.ran.includes(START), { timeout: 50, interval: 5 }).catch(() => undefined)
    here.ran.push('told')
  }
  expect(await here.go({ job }, { ...at('2019-01-01T00:00:00Z'), progress })).toBe(0)
  expect(here.ran).toEqual([SET, 'told', START])
  const note =
    'the clock of this server stood at 2019-01-01T00:00:00.000Z, before the job was made: it was set to 2026-11-30T01:02:03.400Z'
  expect(events).toEqual([expect.stringContaining(note)])
  expect(here.said).toContain(events[0])
})

test('it is set before a recipe is refused, as that is reported by TLS, and not for a medium that is not trusted or not for this server', async () => {
  expect(await here.go({ job, recipe: '{}' }, at('2019-01-01T00:00:00Z'))).toBe(14)
  expect(here.ran).toEqual([SET])
  here.ran = []
  const after = (files: Map<string, Uint8Array>) => void files.set('recipe.json', Buffer.from('{}'))
  expect(await here.go({ job, after }, at('2019-01-01T00:00:00Z'))).toBe(19)
  const server = { serial: 'SN999', uuid: null }
  expect(await here.go({ job: { ...job, server } }, at('2019-01-01T00:00:00Z'))).toBe(18)
  expect(here.ran).toEqual([])
})

test('a clock that cannot be set stops nothing but is told, and where nothing is started none is set', async () => {
  const run: typeof here.deps.programs.run = async ({ argv }) => {
    if (argv[0] === 'date') throw new AppError('program-failed', 'date: cannot set date: Operation not permitted')
    here.ran.push(argv.join(' '))
  }
  const programs = { ...here.deps.programs, run }
  expect(await here.go({ job }, { ...at('2019-01-01T00:00:00Z'), programs })).toBe(0)
  expect(here.said.join('\n')).toContain('and it cannot be set: date: cannot set date: Operation not permitted')
  here.ran = []
  expect(await here.go({ job }, { ...at('2019-01-01T00:00:00Z'), start: false })).toBe(0)
  expect(here.ran).toEqual([])
})
