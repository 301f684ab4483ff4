import { expect, test } from 'vitest'
import { failedUnit, type UnitState, unitState } from '../../src/dispatcher/failed-unit.ts'
import { parseProperties } from '../../src/dispatcher/systemctl-show.ts'

const unit = (name: string, state: string, exitedAt = 0): UnitState => ({ unit: `${name}.service`, state, exitedAt })

test.for<[string, UnitState[], string | undefined, string]>([
  [
    'the one that failed',
    [unit('partition', 'active', 5), unit('image-linux', 'failed', 9)],
    undefined,
    'image-linux.service',
  ],
  ['the one that failed first', [unit('b', 'failed', 9), unit('a', 'failed', 7)], 'b.service', 'a.service'],
  ['not a step that never ran', [unit('a', 'failed', 7), unit('b', 'inactive')], undefined, 'a.service'],
  ['a step that is still starting', [unit('a', 'active', 7), unit('b', 'activating')], undefined, 'b.service'],
  ['what systemd names, when no step is to blame', [unit('a', 'inactive')], 'c.service', 'c.service'],
  ['the dispatcher when systemd names a target', [], 'install-linux.target', 'provision-dispatcher.service'],
  ['the dispatcher when nothing is known', [], undefined, 'provision-dispatcher.service'],
])('the failed unit is %s', ([, units, monitor, expected]) => {
  expect(failedUnit(units, monitor)).toBe(expected)
})

test('the answer of systemctl show about several units is read', () => {
  const text =
    'Id=partition.service\nActiveState=failed\nExecMainExitTimestampMonotonic=12345\n\nActiveState=inactive\nId=b.service\nExecMainExitTimestampMonotonic=0\n'
  expect(parseProperties(text).map(unitState)).toEqual([unit('partition', 'failed', 12345), unit('b', 'inactive')])
})

test('a value may have more signs of equality; nothing is no unit', () => {
  expect(parseProperties('Environment=A=1 B=2\n')).toEqual([new Map([['Environment', 'A=1 B=2']])])
  expect(parseProperties('\n')).toEqual([])
})
