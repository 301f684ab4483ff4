import type { Command, CommandGroup, CommandRow } from './command.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

type Shell = (typeof SHELLS)[number]

const EXAMPLES: Readonly<Record<Shell, string>> = {
  bash: 'provisioner completion bash > /etc/bash_completion.d/provisioner',
  zsh: 'provisioner completion zsh > /usr/local/share/zsh/site-functions/_provisioner',
  fish: 'provisioner completion fish > ~/.config/fish/completions/provisioner.fish',
}

/** `provisioner completion SHELL`: a script made from the same table that the commands are read with. */
export function completionOf(rows: readonly CommandRow[]): CommandGroup {
  return {
    name: 'completion',
    commands: SHELLS.map((shell) => ({
      name: `completion ${shell}`,
      summary: `Completion for ${shell}`,
      positionals: [],
      options: {},
      examples: [EXAMPLES[shell]],
      async run({ io }) {
        io.out(SCRIPTS[shell](await wordsOfAll(rows)))
        return 0
      },
    })),
  }
}

/** One place on the command line and what may follow there. `path` is empty for the first word. */
interface Words {
  readonly path: string
  readonly words: readonly {
    readonly word: string
    readonly about: string
    /** The only values of an option. */
    readonly values?: readonly string[] | undefined
  }[]
}

const SCRIPTS: Readonly<Record<Shell, (all: readonly Words[]) => string>> = { bash, zsh, fish }

async function wordsOfAll(rows: readonly CommandRow[]): Promise<Words[]> {
  const loaded = await Promise.all(rows.map((row) => row.load()))
  const first = rows.map(({ name, summary }) => ({ word: name, about: summary }))
  return [{ path: '', words: first }, ...loaded.flatMap(wordsOf)]
}

function wordsOf(loaded: Command | CommandGroup): Words[] {
  if ('run' in loaded) return [{ path: loaded.name, words: optionsOf(loaded) }]
  const words = loaded.commands.map(({ name, summary }) => ({ word: name.split(' ').at(-1) ?? '', about: summary }))
  return [{ path: loaded.name, words }, ...loaded.commands.flatMap(wordsOf)]
}

function optionsOf({ options }: Command) {
  return Object.entries(options).map(([name, { doc, values }]) => ({ word: `--${name}`, about: doc, values }))
}

/** The rows of `case "PATH WORD"` of both shells that have one, for the word before. */
function valueCases(all: readonly Words[], row: (values: readonly string[]) => string): string {
  const cases = all.flatMap(({ path, words }) =>
    words.flatMap(({ word, values }) => (values === undefined ? [] : [`    "${path} ${word}") ${row(values)} ;;`])),
  )
  return cases.join('\n')
}

function bash(all: readonly Words[]): string {
  const cases = all.map(({ path, words }) => `    "${path}") words="${words.map(({ word }) => word).join(' ')}" ;;`)
  return `# provisioner completion for bash
_provisioner() {
  local path="" word words="" current="\${COMP_WORDS[COMP_CWORD]}" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ $word == -* ]] && break
    ((i <= 2)) && path="\${path:+$path }$word"
  done
  case "$path" in
${cases.join('\n')}
  esac
  case "$path \${COMP_WORDS[COMP_CWORD-1]}" in
${valueCases(all, (values) => `words="${values.join(' ')}"`)}
  esac
  [[ -z $words ]] && compopt -o default
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  ((\${#COMPREPLY[@]})) || compopt -o default
}
complete -F _provisioner provisioner
`
}

/** A script of its own: zsh's imitation of bash's completion has no `compopt`, and `path` is the search path there. */
function zsh(all: readonly Words[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const entry = ({ word, about }: Words['words'][number]) => quote(`${word}:${about}`)
  const cases = all.map(({ path, words }) => `    "${path}") found=(${words.map(entry).join(' ')}) ;;`)
  return `#compdef provisioner
_provisioner() {
  local at="" word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && break
    [[ $at == *" "* ]] || at="\${at:+$at }$word"
  done
  case "$at" in
${cases.join('\n')}
  esac
  case "$at $words[CURRENT-1]" in
${valueCases(all, (values) => `found=(${values.join(' ')})`)}
  esac
  if (( $#found == 0 )) || [[ $found[1] == --* && $PREFIX != -* ]]; then
    _files
  elif [[ $found[1] == --* ]]; then
    _describe -o option found
  else
    _describe command found
  fi
}
compdef _provisioner provisioner
`
}

function fish(all: readonly Words[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = all.flatMap(({ path, words }) => {
    const seen = path.split(' ').filter((word) => word !== '')
    const condition =
      seen.length === 0
        ? '__fish_use_subcommand'
        : seen.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    return words.map(({ word, about, values }) => {
      const choices = values === undefined ? '' : ` -x -a ${quote(values.join(' '))}`
      const what = word.startsWith('--') ? `-l ${word.slice(2)}${choices}` : `-f -a ${word}`
      return `complete -c provisioner -n ${quote(condition)} ${what} -d ${quote(about)}`
    })
  })
  return `# provisioner completion for fish\n${lines.join('\n')}\n`
}
