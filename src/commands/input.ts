import { readTextFile } from '../shared/files.ts'
import type { Io } from './command.ts'

/** A password or token in a file, or on standard input for `-`. */
export async function readSecret(io: Io, file: string): Promise<string> {
  return file === '-' ? withoutLineEnd(await io.input()) : readSecretFile(file)
}

/** The same of a file that another file names. @throws `request-invalid` */
export async function readSecretFile(file: string): Promise<string> {
  return withoutLineEnd(await readTextFile(file))
}

/** Editors put one there; it is no part of the secret. */
export function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '')
}
