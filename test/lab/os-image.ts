import { debianRoot } from './roots/roots.ts'

/** The installable Debian as `tar.zst`, what an operator would push with oras; built on first use. */
export function osImage(): Promise<string> {
  return debianRoot('target-os')
}
