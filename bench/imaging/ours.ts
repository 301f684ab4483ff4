import { openDiskImage } from '../../src/dispatcher/imaging/disk-image.ts'
import { takeIn } from '../../src/dispatcher/imaging/intake.ts'
import { writeImage } from '../../src/dispatcher/imaging/write-image.ts'
import { unpackInto } from '../../src/dispatcher/steps/image-linux.ts'
import { openRepository } from '../../src/oci/registry.ts'
import { parseDigest } from '../../src/shared/digest.ts'
import { programs } from '../../src/shared/exec.ts'
import { parseOciReference } from '../../src/shared/oci-reference.ts'

/**
 * The pipeline of the steps `image-disk` and `image-linux`, without the partitioning around it: one process each time, made into
 * an executable as the product is. `start` ends at once: what is left is the start of the process. The digest of the content is
 * checked when it is given, as a container image has one and other artifacts have not.
 */
const [what, host = '', digest = '', size = '', to = '', content] = process.argv.slice(2)

async function main(): Promise<void> {
  if (what === 'start') return
  // As main.ts does, before the first use of a thread.
  process.env['UV_THREADPOOL_SIZE'] ??= '16'
  const signal = new AbortController().signal
  const reference = parseOciReference(`oci://${host}/bench:1`)
  const repository = openRepository(reference, { plainHttp: true, caPem: undefined, credentials: undefined })
  const layer = {
    mediaType: '',
    digest: parseDigest(digest),
    size: Number(size),
    title: undefined,
    platform: undefined,
  }
  const meter = { add: () => {}, broke: () => {} }
  using intake = takeIn(repository, layer, content === undefined ? undefined : parseDigest(content), meter, signal)
  if (what === 'disk') {
    const image = await openDiskImage(intake, layer.size)
    const disk = { path: to, bytes: Number.MAX_SAFE_INTEGER, zeroOut: undefined }
    const memory = { directory: '/tmp', bytes: 0 }
    const startMeter = () => meter
    await writeImage({ image, intake, disk, checkTable: () => {}, memory, startMeter, forget: undefined }, signal)
    return
  }
  const run = programs(console.log)
  await unpackInto([to], intake, run, signal)
  await run.run({ argv: ['sync', '--file-system', to] }, signal)
}

void main()
