import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const ROOT = join(import.meta.dirname, '..', '..')
export const NODE = join(ROOT, 'node_modules/.bin/node')

/** Path of dist/provisioner, built when it is not there or not of the present sources. Only one caller builds. */
export async function executable(): Promise<string> {
  await mkdir(join(ROOT, 'dist'), { recursive: true })
  const lock = join(ROOT, 'dist', '.lock')
  await run('flock', [lock, NODE, join(ROOT, 'build/build.ts'), '--if-changed'])
  return join(ROOT, 'dist/provisioner')
}

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; any exit code is an answer. */
export async function end(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  return run(program, args, env).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ended & Error) => {
      if (typeof error.code !== 'number') throw error
      return { code: error.code, stdout: error.stdout, stderr: error.stderr }
    },
  )
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  return promisify(execFile)(program, [...args], { env, timeout: 120_000, maxBuffer: 16 << 20 })
}
