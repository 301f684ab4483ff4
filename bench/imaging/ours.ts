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
 * an executable as the product is. `start` ends at once: what is left is the start of the process.
 */
const [what, host = '', digest = '', size = '', to = ''] = process.argv.slice(2)

async function main(): Promise<void> {
  if (what === 'start') return
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
  using intake = takeIn(repository, layer, undefined, { add: () => {}, summary: () => '' }, signal)
  if (what === 'disk') {
    const image = await openDiskImage(intake, layer.size)
    const disk = { path: to, bytes: Number.MAX_SAFE_INTEGER, zeroOut: undefined }
    const memory = { directory: '/tmp', bytes: 0 }
    await writeImage({ image, intake, disk, checkTable: () => {}, memory, forget: undefined }, signal)
    return
  }
  const run = programs(console.log)
  await unpackInto(to, intake, run, signal)
  await run.run({ argv: ['sync', '--file-system', to] }, signal)
}

void main()
