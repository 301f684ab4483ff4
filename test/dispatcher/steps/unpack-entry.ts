import { createReadStream } from 'node:fs'
import { unpackInto } from '../../../src/dispatcher/steps/image-linux.ts'
import { programs } from '../../../src/shared/exec.ts'

/** Runs in the tool image: an archive in a file goes the way of a layer, decompression and tar. */
const [archive = '', root = ''] = process.argv.slice(2)

const intake = {
  stored: createReadStream(archive),
  content: (decompressed: AsyncIterable<Uint8Array>) => decompressed,
  assertComplete: () => undefined,
  [Symbol.dispose]: () => undefined,
}
await unpackInto(root, intake, programs(console.log), new AbortController().signal)
