import type { Command, CommandGroup, OptionSpec } from './command.ts'

/** The line `provisioner iso create [options] DIR`. */
export function synopsis(command: Command): string {
  const positionals = command.positionals.map((name) => (name.endsWith('?') ? `[${name.slice(0, -1)}]` : name))
  const required = Object.entries(command.options)
    .filter(([, spec]) => spec.required)
    .map(([name, spec]) => `--${name} ${spec.value}`)
  const options = Object.values(command.options).some((spec) => !spec.required) ? ['[options]'] : []
  return ['provisioner', command.name, ...required, ...options, ...positionals].join(' ')
}

/** What `--help` prints for one command. */
export function commandHelp(command: Command): string {
  const lines = [`${synopsis(command)}`, '', command.summary]
  const options = Object.entries(command.options)
  if (options.length > 0) lines.push('', 'Options', ...options.flatMap(([name, spec]) => optionLines(name, spec)))
  lines.push(...twinLines(command))
  if (command.examples.length > 0) lines.push('', 'Examples', ...command.examples.map((line) => `  ${line}`))
  return `${lines.join('\n')}\n`
}

/** What `provisioner iso --help` prints. */
export function groupHelp(group: CommandGroup, summary: string): string {
  const rows = group.commands.map((command) => `  ${command.name.padEnd(20)} ${command.summary}`)
  return `${summary}\n\nCommands\n${rows.join('\n')}\n\nSee "provisioner ${group.name} COMMAND --help".\n`
}

/** What `provisioner` alone prints. */
export function topHelp(rows: readonly { readonly name: string; readonly summary: string }[], version: string): string {
  const table = rows.map((row) => `  ${row.name.padEnd(14)} ${row.summary}`).join('\n')
  return `provisioner ${version}: one file that turns a bare server with a BMC into a running machine

Usage: provisioner COMMAND [options]

Commands
${table}

Examples
  provisioner serve --listen 192.0.2.1:8443 --data /var/lib/provisioner --maintenance-iso maintenance.iso
  provisioner recipe validate recipe.yaml
  provisioner job create --server SN123 --recipe recipe.yaml --wait

See "provisioner COMMAND --help" for the options and examples of one command.
`
}

function twinLines({ options }: Command): string[] {
  const without = Object.keys(options).filter((name) => options[name]?.twin === false)
  if (without.length === Object.keys(options).length) return []
  const except = without.length === 0 ? '' : `, but ${without.map((name) => `--${name}`).join(', ')},`
  return ['', `Each option${except} can also be given in the environment, as PROVISIONER_NAME.`]
}

function optionLines(name: string, spec: OptionSpec): string[] {
  const value = spec.values?.join('|') ?? spec.value
  const left = value === undefined ? `--${name}` : `--${name} ${value}`
  const facts = [
    spec.default === undefined ? undefined : `default ${spec.default}`,
    spec.required ? 'required' : undefined,
  ]
  const tail = facts.filter((fact) => fact !== undefined).join(', ')
  const doc = tail === '' ? spec.doc : `${spec.doc} (${tail})`
  return left.length > 28 ? [`  ${left}`, `  ${''.padEnd(28)} ${doc}`] : [`  ${left.padEnd(28)} ${doc}`]
}
