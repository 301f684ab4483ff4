import type { Hash } from 'node:crypto'
import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { bundle } from '../../build/bundle.ts'
import { ROOT } from '../../build/files.ts'
import { ZSTD_ADDON } from '../../build/inputs.ts'
import { ZSTD_ASSET } from '../../build/native-addon-plugin.ts'
import { makeExecutable } from '../../build/sea.ts'
import { planUnpack } from '../../src/dispatcher/steps/image-linux.ts'
import { hashFor, sha256 } from '../../src/shared/digest.ts'
import { labScratch } from '../../test/lab/cache.ts'
import { zstdCompressor } from '../../test/shared/zstd-compressor.ts'
import { treeTar } from './content.ts'
import type { Measured } from './measure.ts'
import { best, measure } from './measure.ts'

/**
 * `npm run bench:imaging [-- ROUNDS MIB]`: our pipeline beside `curl | zstd -dc | dd` and `curl | zstd -dc | tar`, the same blob
 * from the same server to the same file system, in turns. Both sides end with the data on the disk (fdatasync, sync).
 * CPU seconds and peak memory are of all processes of a side; ours checks the digest of the blob as well, and in rows of their own
 * also that of the content, as for every container image. Ours is an executable like the product; its start has a row too.
 */

const MIB = 1 << 20

interface Blob {
  readonly path: string
  readonly size: number
  readonly digest: string
  /** Of what is compressed. */
  readonly content: string
}

async function serve(blobs: readonly Blob[]) {
  const server = createServer((request, response) => {
    const blob = blobs.find(({ digest }) => request.url?.endsWith(digest))
    if (blob === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-length': blob.size })
    createReadStream(blob.path, { highWaterMark: MIB }).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

async function compressed(directory: string, name: string, content: AsyncIterable<Uint8Array>): Promise<Blob> {
  const path = join(directory, name)
  const inside = hashFor(sha256(''))
  await pipeline(hashed(content, inside), zstdCompressor(3), createWriteStream(path))
  const hash = hashFor(sha256(''))
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  const [digest, contentDigest] = [hash, inside].map((each) => `sha256:${each.digest('hex')}`)
  return { path, size: (await stat(path)).size, digest: digest ?? '', content: contentDigest ?? '' }
}

async function* hashed(chunks: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

/** The archive behind the partition table of a disk image. */
async function* asDisk(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const head = Buffer.alloc(MIB)
  head.writeUInt16BE(0x55aa, 510)
  head.writeUInt8(0x83, 446 + 4)
  head.writeUInt32LE(2048, 446 + 8)
  head.writeUInt32LE(2048, 446 + 12)
  yield head
  yield* tar
}

function row(name: string, ours: Measured, theirs: Measured): void {
  const ratio = (value: keyof Measured) => (ours[value] / theirs[value]).toFixed(2)
  console.log(
    `| ${name} | ${textOf(ours)} | ${textOf(theirs)} | ${ratio('wall')} | ${ratio('cpu')} | ${ratio('peakMb')} |`,
  )
}

function textOf({ wall, cpu, peakMb }: Measured): string {
  return `${wall.toFixed(2)} s, ${cpu.toFixed(2)} CPU s, ${peakMb.toFixed(0)} MB`
}

/** `ours.ts` made into an executable as the product is. */
async function executable(directory: string): Promise<string> {
  const { code } = await bundle('bench/imaging/ours.ts', 'bench')
  makeExecutable(directory, 'ours', code, new Map([[ZSTD_ASSET, join(ROOT, ZSTD_ADDON)]]))
  return join(directory, 'ours')
}

interface Contest {
  /** What is made, beside which pipeline; then our ways to make it. */
  readonly name: string
  readonly ours: Readonly<Record<string, readonly string[]>>
  readonly theirs: string
}

/** All of a contest in turns, as many rounds as wanted; a row for each of ours. */
async function compete({ name, ours, theirs }: Contest, rounds: number, prepare: () => Promise<void>) {
  const sides = new Map([...Object.entries(ours), ['theirs', ['bash', '-euo', 'pipefail', '-c', theirs]] as const])
  const runs = new Map([...sides.keys()].map((side) => [side, [] as Measured[]]))
  for (let round = 0; round < rounds; round++) {
    for (const [side, command] of sides) {
      await prepare()
      runs.get(side)?.push(await measure(command))
    }
  }
  const rival = best(runs.get('theirs') ?? [])
  for (const side of Object.keys(ours)) row(`${name}${side}`, best(runs.get(side) ?? []), rival)
}

async function main(rounds: number, contentBytes: number): Promise<void> {
  const directory = await labScratch('bench-imaging')
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < 6 * contentBytes) throw new Error(`there is too little room in ${directory}`)
  try {
    const tar = await compressed(directory, 'tar.zst', treeTar(contentBytes))
    const disk = await compressed(directory, 'disk.zst', asDisk(treeTar(contentBytes)))
    const { host, close } = await serve([tar, disk])
    const [file, root] = [join(directory, 'disk'), join(directory, 'root')]
    const prepare = async () => {
      await rm(root, { recursive: true, force: true })
      await mkdir(root)
      // As long as the disk and on it: both sides write over old bytes, as on a real one.
      await writeFile(file, Buffer.alloc(contentBytes + 2 * MIB, 0xa5), { flush: true })
    }
    const program = await executable(directory)
    const ours = (what: string, { digest, size, content }: Blob, to: string) => {
      const argv = [program, what, host, digest, String(size), to]
      return { '': argv, ', digest of the content too': [...argv, content] }
    }
    const url = (blob: Blob) => `curl -sS --fail http://${host}/v2/bench/blobs/${blob.digest} | zstd -dc`
    console.log('| | ours | theirs | wall | CPU | memory |\n|---|---|---|---|---|---|')
    const dd = `${url(disk)} | dd of=${file} bs=1M iflag=fullblock conv=notrunc,fdatasync status=none`
    const besideDd = 'disk image, beside `curl \\| zstd -dc \\| dd`'
    await compete({ name: besideDd, ours: ours('disk', disk, file), theirs: dd }, rounds, prepare)
    const untar = `${url(tar)} | ${planUnpack(root).argv.join(' ')} && sync --file-system ${root}`
    const besideTar = 'root archive, beside `curl \\| zstd -dc \\| tar`'
    await compete({ name: besideTar, ours: ours('tar', tar, root), theirs: untar }, rounds, prepare)
    const starts: Measured[] = []
    for (let round = 0; round < rounds; round++) starts.push(await measure([program, 'start']))
    console.log(`| the start of ours alone | ${textOf(best(starts))} | | | | |`)
    const [load] = readFileSync('/proc/loadavg', 'utf8').split(' ')
    console.log(`\n${contentBytes / MIB} MiB, ${tar.size} bytes compressed, best of ${rounds}; load at the end ${load}`)
    close()
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

await main(Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 768) * MIB)
