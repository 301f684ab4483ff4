import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { STEPS } from '../../src/dispatcher/steps/all.ts'

const ASSETS = join(import.meta.dirname, '../../assets')
const names = (directory: string) => readdirSync(join(ASSETS, directory)).sort()
const read = (path: string) => readFileSync(join(ASSETS, path), 'utf8')
const LIKE_ALL_STEPS = [
  'OnFailure=provision-failed.service',
  'Type=oneshot',
  'RemainAfterExit=yes',
  'TimeoutStopSec=15',
  'OOMPolicy=stop',
]
const targets = names('units').filter((name) => name.endsWith('.target'))
const steps = STEPS.map(({ name }) => name)

/** They start containers themselves, so they run on the host. */
const ON_HOST = ['tool-image', 'vendor-firmware']
const quadlets = steps.filter((step) => !ON_HOST.includes(step))

test('every step has a Quadlet of its name or runs on the host, and every Quadlet has a step', () => {
  expect(names('quadlets')).toEqual(quadlets.map((name) => `${name}.container`).sort())
  expect(names('units')).toEqual(expect.arrayContaining(ON_HOST.map((name) => `${name}.service`)))
})

test('no unit has the name of a Quadlet: it would replace what the Quadlet generates, without a word', () => {
  for (const step of quadlets) expect(names('units')).not.toContain(`${step}.service`)
})

test.for(ON_HOST)(
  'the unit of %s runs that step, once, with limits for all it starts, and reports its failure',
  (step) => {
    const lines = read(`units/${step}.service`).split('\n')
    expect(lines).toEqual(expect.arrayContaining([...LIKE_ALL_STEPS, 'Delegate=yes']))
    expect(lines).toContain(`ExecStart=/usr/sbin/provisioner step ${step}`)
  },
)

test.for(targets)(
  '%s requires and follows its steps, stops when they are done, and reports both outcomes',
  (target) => {
    const text = read(`units/${target}`)
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1]
    const units = value('Requires')?.split(' ') ?? []
    expect(units.length).toBeGreaterThan(0)
    expect(value('After')?.split(' ')).toEqual(units)
    for (const unit of units) expect(steps).toContain(unit.replace('.service', ''))
    expect(value('StopWhenUnneeded')).toBe('yes')
    expect(value('OnSuccess')).toBe('provision-success.service')
    expect(value('OnFailure')).toBe('provision-failed.service')
    expect(value('X-Provisioner')).toBe('target')
    // Whoever runs in the tool image waits for it.
    if (units.some((unit) => quadlets.includes(unit.replace('.service', ''))))
      expect(units[0]).toBe('tool-image.service')
    // Each step also requires the one before it: After= alone would let it run after a failure. The last one of several
    // workflows cannot; it asserts that its predecessor is done.
    for (const [index, unit] of units.entries()) {
      const previous = units[index - 1]
      if (previous === undefined) continue
      const quadlet = read(`quadlets/${unit.replace('.service', '.container')}`)
      if (unit === 'config-drive.service') {
        expect(quadlet).not.toMatch(/^Requires=/m)
        expect(/^After=(.*)$/m.exec(quadlet)?.[1]?.split(' ')).toContain(previous)
        expect(quadlet).toContain(`AssertPathExists=|/run/provision/state/${previous.replace('.service', '.done')}\n`)
      } else {
        expect(quadlet).toContain(`Requires=${previous}\nAfter=${previous}\n`)
      }
    }
  },
)

test.for(quadlets)(
  'the Quadlet of %s runs that step, once, privileged, with limits, and reports its failure',
  (step) => {
    const text = read(`quadlets/${step}.container`)
    for (const line of [
      ...LIKE_ALL_STEPS,
      'Pull=never',
      'Network=host',
      'PodmanArgs=--privileged',
      'Volume=/dev:/dev',
      'Volume=/usr/sbin/provisioner:/usr/sbin/provisioner:ro',
      'EnvironmentFile=/run/provision/recipe.env',
      'LogDriver=passthrough',
      `Exec=/usr/sbin/provisioner step ${step}`,
      'DefaultDependencies=false',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toMatch(/^TimeoutStartSec=\d+min$/m)
  },
)
