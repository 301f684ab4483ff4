import type { OptionSpec } from '../commands/command.ts'

/** What an installed controller needs to be given; the rest has defaults that fit. */
const SET: Readonly<Record<string, string>> = {
  data: '/var/lib/provisioner',
  'admin-token-file': '/var/lib/provisioner/admin-token',
}
/** On the command line only. */
const LEFT_OUT = ['config', 'check']

/** The commented configuration file, from the table that the program reads its options by. */
export function configText(options: Readonly<Record<string, OptionSpec>>): string {
  const settings = Object.entries(options).flatMap(([name, spec]) => {
    if (LEFT_OUT.includes(name)) return []
    const doc = spec.values === undefined ? spec.doc : `${spec.doc}: ${spec.values.join(', ')}`
    const set = SET[name]
    if (set !== undefined) return [`# ${doc}.`, `${name}: ${set}`, '']
    const value = spec.value === undefined ? 'false' : (spec.default ?? spec.value)
    return [`# ${doc}.`, `#${name}: ${value}`, '']
  })
  return `# Configuration of the provisioner controller. "provisioner docs configuration" explains every setting.
# Check it:       provisioner serve --check --config /etc/provisioner/provisioner.yaml
# Take it over:   systemctl reload provisioner    (what needs a restart is named in the journal)
# After a change of "listen" or "media-listen":   provisioner install    (the socket unit has the addresses too)

${settings.join('\n')}`
}
