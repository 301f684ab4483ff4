import { lend, transferable } from './chunk-memory.ts'
import { startThread } from './thread.ts'
import { zstdAddonFile } from './zstd-binding.ts'

/** Every chunk but the last one has so many bytes: as many as a write to a disk. */
const OUTPUT_BYTES = 1024 * 1024
/** Chunks that are made before they are asked for. */
const OUTPUTS = 4
/** A message carries about so much of the source. */
const INPUT_BYTES = 256 * 1024
/** Messages under way, so that the thread has something to do while we wait for the source. */
const INPUTS = 4

const WORK = `
const { parentPort, workerData } = require('node:worker_threads')
const { file, outputBytes } = workerData
// On pages of its own, as shared/disk-output.ts has it.
const pages = () => new ArrayBuffer(outputBytes, { maxByteLength: outputBytes })
const addon = { exports: {} }
process.dlopen(addon, file)
const context = new addon.exports.DCtx()
const todo = []
const spare = []
let wanted = workerData.outputs
let [output, filled, inFrame] = [undefined, 0, false]

parentPort.on('message', ({ input, more, memory, stop }) => {
  if (stop) return parentPort.close()
  if (more) wanted++
  else if (memory) spare.push(memory)
  else if (input) todo.push(...input, 'taken')
  else todo.push('end')
  while (wanted > 0 && todo.length > 0) {
    if (todo[0] === 'end') end()
    else if (todo[0] === 'taken') parentPort.postMessage({ kind: todo.shift() })
    else decompress(todo[0])
  }
})

function decompress(input) {
  output ??= new Uint8Array(spare.pop() ?? pages(), 0, outputBytes)
  const room = output.subarray(filled)
  const done = tried(room, input)
  if (done === undefined) return
  const [left, produced, consumed] = done
  inFrame = left !== 0
  filled += produced
  todo[0] = input.subarray(consumed)
  if (filled === outputBytes) handOver()
  // A full chunk may have left something inside of the decompressor.
  if (consumed < input.length || (produced === room.length && left !== 0)) return
  todo.shift()
  input.buffer.transfer(0)
}

function tried(room, input) {
  try {
    return context.decompressStream(room, input)
  } catch (error) {
    // The window is allocated when the first frame begins, and zstd has no other mark for it (ZSTD_getErrorName).
    if (error.message.startsWith('Allocation error')) throw error
    damaged(error.message)
  }
}

function damaged(message) {
  todo.length = 0
  parentPort.postMessage({ kind: 'damaged', message })
  parentPort.close()
}

function handOver() {
  const chunk = output.subarray(0, filled)
  parentPort.postMessage({ kind: 'chunk', chunk }, [chunk.buffer])
  wanted--
  output = undefined
  filled = 0
}

function end() {
  if (inFrame) return damaged('the compressed content ends in the middle of a frame')
  if (filled > 0) handOver()
  parentPort.postMessage({ kind: todo.shift() })
}`

type Message =
  | { readonly input: readonly Uint8Array<ArrayBuffer>[] }
  | { readonly more: true }
  | { readonly memory: ArrayBuffer }
  | { readonly end: true }
  | { readonly stop: true }
type Answer =
  | { readonly kind: 'chunk'; readonly chunk: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'damaged'; readonly message: string }
  | { readonly kind: 'taken' | 'end' }

/**
 * Decompresses zstd, any number of frames one after another (RFC 8878 3.1), as pzstd and `cat a.zst b.zst` make them.
 * node:zlib of Node 24 ends silently after the first frame, so it is never used (docs/decisions/0001). The work is done by a thread
 * of its own, a little ahead of the reader. It takes the chunks of `source`. What it yields is the reader's; what is given back is
 * filled again.
 */
export async function* zstdDecompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const file = await zstdAddonFile()
  using thread = startThread<Message, Answer>(WORK, { file, outputBytes: OUTPUT_BYTES, outputs: OUTPUTS })
  let underWay = 0
  let isEnded = false

  function takeBack(memory: ArrayBuffer): void {
    if (isEnded) memory.transfer(0)
    else thread.send({ memory }, [memory])
  }

  /** What is there already, and what comes as long as `mustWait`. */
  async function* made(mustWait: () => boolean): AsyncGenerator<Buffer> {
    for (;;) {
      const answer = thread.answered() ?? (mustWait() ? await thread.answer() : undefined)
      if (answer === undefined) return
      if (answer.kind === 'taken') underWay--
      if (answer.kind === 'end') isEnded = true
      if (answer.kind === 'damaged') throw new Error(answer.message)
      if (answer.kind !== 'chunk') continue
      thread.send({ more: true })
      const { buffer, length } = answer.chunk
      lend(buffer, takeBack)
      yield Buffer.from(buffer, 0, length)
    }
  }

  try {
    for await (const input of batches(source)) {
      const memory = input.map(({ buffer }) => buffer)
      thread.send({ input }, memory)
      underWay++
      yield* made(() => underWay === INPUTS)
    }
    thread.send({ end: true })
    yield* made(() => !isEnded)
  } finally {
    isEnded = true
    thread.send({ stop: true })
    await thread.ended()
  }
}

async function* batches(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>[]> {
  let batch: Uint8Array<ArrayBuffer>[] = []
  let bytes = 0
  for await (const chunk of source) {
    batch.push(transferable(chunk))
    bytes += chunk.length
    if (bytes < INPUT_BYTES) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
