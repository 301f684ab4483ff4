import { expect, test } from 'vitest'
import { bootUnits, type Scenario } from './boot/boot.ts'

const ALL = ['partition', 'image-linux', 'bootloader-linux', 'config-drive']

test('when every step is done, success is reported once, not again at the shutdown', async () => {
  const { reports, began, logs } = await bootUnits({})
  expect(reports, logs).toMatchObject([{ status: 'success', task_target: 'install-linux.target' }])
  expect(reports[0]).not.toHaveProperty('failed_step')
  expect(began).toEqual(ALL)
})

const FAILURES: [string, Scenario, string, number, string][] = [
  ...ALL.map((step, index): [string, Scenario, string, number, string] => [
    `${step} fails`,
    { steps: { [step]: 'echo "cannot go on"; exit 3' } },
    `${step}.service`,
    index + 1,
    'cannot go on',
  ]),
  ['a step is killed', { steps: { 'image-linux': 'kill -9 $$' } }, 'image-linux.service', 2, 'code=killed'],
  [
    'a step takes too long',
    { steps: { partition: 'sleep 60' }, service: { partition: 'TimeoutStartSec=1' } },
    'partition.service',
    1,
    'timed out',
  ],
  [
    'somebody stops a step',
    { steps: { 'image-linux': 'systemctl --no-block stop image-linux; sleep 60' } },
    'image-linux.service',
    2,
    '',
  ],
  [
    'the image has no such target',
    { target: 'dance.target' },
    'provision-dispatcher.service',
    0,
    'dance.target not found',
  ],
]

test.for(FAILURES)(
  'when %s, one failure is reported, with its unit and its last lines, and no later step begins',
  async ([, scenario, unit, begun, message]) => {
    const { reports, began, logs } = await bootUnits(scenario)
    expect(reports, logs).toMatchObject([{ status: 'failed', failed_step: unit }])
    expect(reports[0]?.message).toContain(message)
    expect(began).toEqual(ALL.slice(0, begun))
  },
)
