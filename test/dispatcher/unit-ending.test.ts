import { expect, test } from 'vitest'
import { parseProperties } from '../../src/dispatcher/systemctl-show.ts'
import { describeEnding, unitEnding } from '../../src/dispatcher/unit-ending.ts'

test.for<[string, string]>([
  [
    'Result=timeout\nExecMainStatus=15\nTimeoutStartUSec=1h 30min',
    'x.service was ended: it took longer than its limit of 1h 30min',
  ],
  ['Result=oom-kill\nExecMainStatus=9', "x.service was ended: the server's memory is used up"],
  ['Result=signal\nExecMainStatus=9', 'x.service was killed by SIGKILL'],
  ['Result=signal\nExecMainStatus=15', 'x.service was stopped before it was done'],
  ['Result=core-dump\nExecMainStatus=11', 'x.service was killed by SIGSEGV'],
  ['Result=exit-code\nExecMainStatus=3', 'x.service failed with exit code 3'],
  ['Result=exit-code\nExecMainStatus=125', 'x.service failed with exit code 125: podman could not start its container'],
  ['Result=exit-code\nExecMainStatus=137', 'x.service failed with exit code 137: its program was killed by SIGKILL'],
  ['Result=resources\nExecMainStatus=0', 'x.service failed: resources'],
])('%j is told as "%s"', ([text, sentence]) => {
  expect(describeEnding('x.service', unitEnding(parseProperties(text)[0] ?? new Map()))).toBe(sentence)
})
