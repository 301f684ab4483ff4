import { TOOL_IMAGE } from '../../../src/shared/task/tool-image.ts'
import { OUR_PROGRAM, PODMAN, type Scenario } from '../boot/boot.ts'
import { type FailureCase, LINUX_STEPS } from './case.ts'

interface Way {
  readonly when: string
  readonly scenario: (step: string) => Scenario
  readonly says: (step: string) => readonly string[]
}

const body = (script: string) => (step: string) => ({ steps: { [step]: script } })

const FOREVER = '/usr/lib/test-programs/forever'

/** The Quadlet's own podman, with a tool image that has busybox alone, and `program` where our program is on the host. */
function contained(program: string, step: string, ...more: readonly string[]): Scenario {
  return {
    busybox: ['provisioner-tools:1'],
    steps: { 'tool-image': OUR_PROGRAM, [step]: PODMAN },
    service: { [step]: [`BindReadOnlyPaths=${program}:/usr/sbin/provisioner`, ...more].join('\n') },
    programs: { forever: '#!/bin/sh\nwhile :; do sleep 1; done' },
  }
}

/** What can happen to any step, whatever it does. */
const WAYS: readonly Way[] = [
  {
    when: 'ends with an error',
    scenario: body('echo "cannot go on"; exit 1'),
    says: (step) => [`${step}.service failed with exit code 1`, 'cannot go on'],
  },
  {
    when: 'is killed',
    scenario: body('kill -9 $$'),
    says: (step) => [`${step}.service was killed by SIGKILL`],
  },
  {
    when: 'takes longer than its limit',
    scenario: (step) => ({ ...body('exec sleep 60')(step), service: { [step]: 'TimeoutStartSec=1' } }),
    says: (step) => [`${step}.service was ended: it took longer than its limit of 1s`],
  },
  {
    when: 'is stopped by an operator',
    scenario: (step) => body(`systemctl --no-block stop ${step}; exec sleep 60`)(step),
    says: (step) => [`${step}.service was stopped before it was done`],
  },
  {
    when: 'has no container image',
    scenario: (step) => ({ steps: { [step]: PODMAN } }),
    says: (step) => [
      `${step}.service failed with exit code 125: podman could not start its container`,
      'localhost/provisioner-tools:1: image not known',
    ],
  },
  {
    when: 'has a program in its container that cannot be run',
    scenario: (step) => contained('/usr/lib/os-release', step),
    says: (step) => [
      `${step}.service failed with exit code 126: the program of its container cannot be run`,
      'exists but it is not executable',
    ],
  },
  {
    when: 'has no such program in its container',
    // The Quadlet's own is mounted into it, and so always there.
    scenario: (step) => ({
      busybox: ['provisioner-tools:1'],
      steps: {
        'tool-image': OUR_PROGRAM,
        [step]: `exec podman run --rm --privileged --network=host ${TOOL_IMAGE} /usr/bin/nothing`,
      },
    }),
    says: (step) => [
      `${step}.service failed with exit code 127: its container has no such program`,
      'not found: No such file or directory',
    ],
  },
  {
    when: 'has a container whose program is killed',
    scenario: (step) =>
      contained(
        FOREVER,
        step,
        `ExecStartPre=systemd-run sh -c 'until podman kill --signal=KILL ${step}; do sleep 0.1; done'`,
      ),
    says: (step) => [`${step}.service failed with exit code 137: its program was killed by SIGKILL`],
  },
]

const IN_CONTAINERS = LINUX_STEPS.filter((step) => step !== 'tool-image')

/**
 * Each way once, the Quadlets taking turns: the graph treats all alike (assets.test.ts compares them line by line), and every
 * boot costs seconds. Those that run on the host have their own rows.
 */
export const WAY_CASES: readonly FailureCase[] = WAYS.map(({ when, scenario, says }, index) => {
  const step = IN_CONTAINERS[index % IN_CONTAINERS.length] ?? 'partition'
  return {
    when: `a step ${when}`,
    scenario: scenario(step),
    unit: `${step}.service`,
    steps: LINUX_STEPS,
    began: LINUX_STEPS.slice(0, LINUX_STEPS.indexOf(step) + 1),
    says: says(step),
  }
})
