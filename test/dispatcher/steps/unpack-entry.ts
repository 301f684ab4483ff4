import { createReadStream } from 'node:fs'
import { unpackInto } from '../../../src/dispatcher/steps/image-linux.ts'
import { type Programs, programs } from '../../../src/shared/exec.ts'

/** Runs in the tool image: an archive in a file goes the way of a layer, decompression and tar. */
const [archive = '', ...directories] = process.argv.slice(2)

const intake = {
  stored: createReadStream(archive),
  content: (decompressed: AsyncIterable<Uint8Array>) => decompressed,
  assertComplete: () => undefined,
}
const real = programs(console.log)
const run: Programs['run'] = (command, signal) => {
  console.log(`ran ${command.argv.join(' ')}`)
  return real.run(command, signal)
}
await unpackInto(directories, intake, { ...real, run }, new AbortController().signal)
