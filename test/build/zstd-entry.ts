import { pipeline } from 'node:stream/promises'
import { errorText, isAppError } from '../../src/shared/errors.ts'
import { zstdDecompressed } from '../../src/shared/zstd-decompress.ts'

// Entry of the executable that native-addon.real.test.ts makes: decompresses standard input.
async function main(): Promise<void> {
  if (process.argv[2] === 'unused') return void process.stdout.write('the addon was not needed')
  await pipeline(process.stdin, zstdDecompressed, process.stdout)
}

main().catch((error: unknown) => {
  const problems = isAppError(error) ? error.problems.map(({ path, message }) => `  ${path}: ${message}`) : []
  process.stderr.write(`${[errorText(error), ...problems].join('\n')}\n`)
  process.exitCode = 1
})
