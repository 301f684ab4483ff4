import { expect, test } from 'vitest'
import { BOOT_MS, bootUnits } from './boot/boot.ts'
import { LINUX_STEPS } from './failures/case.ts'

/** What a step looks at, under a title each. */
const LOOKS = {
  'firewall closed': 'systemctl show --value --property=ExecMainExitTimestampMonotonic provision-firewall.service',
  'network begins': 'systemctl show --value --property=ExecMainStartTimestampMonotonic systemd-networkd.service',
  journal: 'find /run/log/journal /var/log/journal -name "*.journal" | sed "s|/[0-9a-f]\\{32\\}/|/ID/|"',
  resolver: 'systemctl is-active systemd-resolved.service',
  listening: 'ss --tcp --udp --listening --numeric --no-header --processes | grep -v " 127[.]"',
  'short name': 'podman pull no-such-name 2>&1',
  prompts: 'for unit in getty@tty1 autovt@tty2 serial-getty@ttyS0; do systemctl start $unit 2>&1; done',
  'failed units': 'systemctl --failed --plain --no-legend',
}

test('the image as the Containerfile makes it: closed before the network, silent, in memory, without a prompt', {
  timeout: BOOT_MS,
}, async () => {
  const script = Object.entries(LOOKS).map(([title, command]) => `echo "look: ${title}"; { ${command}; } || true`)
  const partition = [...script, 'echo look: end'].join('\n')
  const { reports, journal } = await bootUnits(LINUX_STEPS, { steps: { partition } })
  expect(reports, journal).toMatchObject([{ status: 'success' }])
  const seen = (title: keyof typeof LOOKS) =>
    new RegExp(`^look: ${title}\\n([\\s\\S]*?)^look: `, 'm').exec(journal)?.[1]?.trim() ?? ''

  const [closed, begins] = [Number(seen('firewall closed')), Number(seen('network begins'))]
  expect(closed).toBeGreaterThan(0)
  expect(begins).toBeGreaterThan(closed)
  expect(seen('journal')).toBe('/run/log/journal/ID/system.journal')
  expect(seen('resolver')).toBe('active')
  expect(seen('listening')).toBe('')
  expect(seen('short name')).toContain('short-name')
  expect(seen('prompts').match(/is masked/g)).toHaveLength(3)
  expect(seen('failed units')).toBe('')
})
