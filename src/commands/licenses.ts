import { readAsset } from '../shared/assets.ts'
import type { Command } from './command.ts'

/** `provisioner licenses`: what the law asks to go with the file, inside the file. */
export const licenses: Command = {
  name: 'licenses',
  summary: "Print the project's licence and the notices of everything inside the file",
  positionals: [],
  options: {},
  examples: ['provisioner licenses | less'],
  async run({ io }) {
    io.out(`${readAsset('LICENSE').toString('utf8')}\n${notices()}`)
    return 0
  },
}

/** The notices are collected by the build; the sources have node_modules instead. */
function notices(): string {
  try {
    return readAsset('third-party-notices.txt').toString('utf8')
  } catch {
    return 'The notices of third parties are in node_modules/*/LICENSE; the executable carries them all.\n'
  }
}
