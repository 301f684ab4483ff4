import { expect, test } from 'vitest'
import { doctorText } from '../../src/commands/server-doctor.ts'

test('each finding is a line, with what to do below it', () => {
  const text = doctorText({
    serial: 'SN-1',
    healthy: false,
    findings: [
      { check: 'reachable', state: 'ok', message: 'https://192.0.2.7 answers', advice: null },
      { check: 'clock', state: 'warning', message: 'it is 900 s behind', advice: 'Set up NTP.' },
      { check: 'insert', state: 'failed', message: 'HTTP 403', advice: 'Buy a licence.' },
      { check: 'fetch', state: 'skipped', message: 'nothing was inserted', advice: null },
    ],
  })
  expect(text.split('\n')).toEqual([
    'ok    reachable  https://192.0.2.7 answers',
    'WARN  clock      it is 900 s behind',
    '                 -> Set up NTP.',
    'FAIL  insert     HTTP 403',
    '                 -> Buy a licence.',
    '-     fetch      nothing was inserted',
    'SN-1 is not fit for jobs yet.',
    '',
  ])
})
