import type { Region, RegionKind } from '../../isobuilder/regions.ts'
import { formatBytes } from '../../shared/byte-size.ts'

/** How far a server has come that boots from a medium of ours, as seen from what it reads. In this order. */
const STAGES = ['header', 'boot-record', 'esp', 'kernel', 'root', 'task'] as const
export type Stage = (typeof STAGES)[number]

/** Bytes that were handed out, and when. */
export interface MediaRead {
  readonly start: number
  readonly end: number
  /** Milliseconds. */
  readonly at: number
}

/** Everything known of one boot. A few KB for a root image of gigabytes, and the same after a million reads. */
export interface SensorState {
  readonly seen: ReadonlySet<Stage>
  /** Bytes handed out, repeats included. */
  readonly bytes: number
  readonly kernelBytes: number
  readonly root: Coverage
  /** Of the last read; undefined when there was none. */
  readonly lastAt: number | undefined
  /** Bytes per second, smoothed. */
  readonly rate: number
  readonly window: { readonly from: number; readonly bytes: number }
}

/** Which blocks of the root images were read. The one part that is changed in place: it is as large as the image. */
interface Coverage {
  readonly blocks: Uint8Array
  readonly done: number
}

/** What the reads are compared with: regions of both media, by offset. */
export interface MediaMap {
  readonly regions: readonly Region[]
  /** Bytes of all root images. */
  readonly rootBytes: number
  /** For each region, bytes of root images before it. */
  readonly rootBefore: readonly number[]
}

const BLOCK = 64 * 1024
/** The directories of the boot partition lie beside the kernel; a kernel is larger. */
const KERNEL_BYTES = 512 * 1024
const ROOT_BLOCKS = (1024 * 1024) / BLOCK
const WINDOW_MS = 2_000
/** Reads come every few milliseconds while a server loads; a firmware menu or a self-test takes less than this. */
const STALL_MS = 60_000

export function mediaMap(regions: readonly Region[]): MediaMap {
  const rootBefore: number[] = []
  let rootBytes = 0
  for (const { kind, start, end } of regions) {
    rootBefore.push(rootBytes)
    if (kind === 'root') rootBytes += Math.ceil((end - start) / BLOCK) * BLOCK
  }
  return { regions, rootBytes, rootBefore }
}

export function newSensor(map: MediaMap): SensorState {
  const root = { blocks: new Uint8Array(Math.ceil(map.rootBytes / BLOCK)), done: 0 }
  return { seen: new Set(), bytes: 0, kernelBytes: 0, root, lastAt: undefined, rate: 0, window: { from: 0, bytes: 0 } }
}

/** The state after one read, and the stages that began with it. */
export function observe(
  state: SensorState,
  map: MediaMap,
  read: MediaRead,
): { state: SensorState; begun: readonly Stage[] } {
  const begun: Stage[] = []
  let { kernelBytes } = state
  let done = state.root.done
  const seen = new Set(state.seen)
  for (const { kind, from, to, rootAt } of touched(map, read)) {
    if (kind === 'kernel') kernelBytes += to - from
    if (kind === 'root') done += cover(state.root.blocks, rootAt, to - from)
    const stage = stageOf(kind, kernelBytes, done, map, seen)
    if (stage === undefined || seen.has(stage)) continue
    seen.add(stage)
    begun.push(stage)
  }
  const bytes = read.end - read.start
  const next = { ...state, bytes: state.bytes + bytes, kernelBytes, root: { ...state.root, done }, lastAt: read.at }
  return {
    state: { ...next, seen: begun.length === 0 ? state.seen : seen, ...rateAfter(state, bytes, read.at) },
    begun,
  }
}

/** What a read in a region says; undefined when it may mean nothing yet. */
function stageOf(
  kind: RegionKind,
  kernelBytes: number,
  rootBlocks: number,
  map: MediaMap,
  seen: ReadonlySet<Stage>,
): Stage | undefined {
  switch (kind) {
    case 'file':
      return 'header'
    case 'kernel':
      return kernelBytes >= KERNEL_BYTES ? 'kernel' : undefined
    case 'root':
      // Reading ahead of the directories comes into the first file.
      return rootBlocks >= ROOT_BLOCKS || rootBlocks * BLOCK >= map.rootBytes ? 'root' : undefined
    case 'task':
      // Firmware looks at every CD for something to start, and at the end of every disk for a partition table.
      return seen.has('root') || map.rootBytes === 0 ? 'task' : undefined
    default:
      return kind
  }
}

interface Touched {
  readonly kind: RegionKind
  readonly from: number
  readonly to: number
  /** Offset among the root images. */
  readonly rootAt: number
}

/** The regions a read lies in; what is in none is header. */
function* touched({ regions, rootBefore }: MediaMap, { start, end }: MediaRead): Generator<Touched> {
  let index = firstEndingAfter(regions, start)
  for (let at = start; at < end; ) {
    const region = regions[index]
    const to = Math.min(end, region === undefined ? end : at < region.start ? region.start : region.end)
    if (region === undefined || at < region.start) yield { kind: 'header', from: at, to, rootAt: 0 }
    else {
      yield { kind: region.kind, from: at, to, rootAt: (rootBefore[index] ?? 0) + at - region.start }
      index++
    }
    at = to
  }
}

function firstEndingAfter(regions: readonly Region[], offset: number): number {
  let low = 0
  for (let high = regions.length; low < high; ) {
    const middle = (low + high) >> 1
    if ((regions[middle]?.end ?? Infinity) > offset) high = middle
    else low = middle + 1
  }
  return low
}

/** Marks the blocks; gives how many are new. */
function cover(blocks: Uint8Array, at: number, bytes: number): number {
  let fresh = 0
  for (let index = Math.floor(at / BLOCK); index * BLOCK < at + bytes; index++) {
    fresh += blocks[index] === 0 ? 1 : 0
    blocks[index] = 1
  }
  return fresh
}

function rateAfter(state: SensorState, bytes: number, at: number): Pick<SensorState, 'rate' | 'window'> {
  const window = state.lastAt === undefined ? { from: at, bytes: 0 } : state.window
  const sum = window.bytes + bytes
  const milliseconds = at - window.from
  if (milliseconds < WINDOW_MS) return { rate: state.rate, window: { from: window.from, bytes: sum } }
  const now = (sum * 1000) / milliseconds
  return { rate: state.rate === 0 ? now : (state.rate + now) / 2, window: { from: at, bytes: 0 } }
}

/** Bytes of the root images that were read at least once. */
export function rootProgress({ root }: SensorState, { rootBytes }: MediaMap): { bytes: number; totalBytes: number } {
  return { bytes: Math.min(root.done * BLOCK, rootBytes), totalBytes: rootBytes }
}

/** Milliseconds without a read, when that is too long for a server that boots. */
export function stalledFor({ lastAt, seen }: SensorState, now: number): number | undefined {
  const idle = lastAt === undefined || seen.has('task') ? 0 : now - lastAt
  return idle >= STALL_MS ? idle : undefined
}

/** What an operator should know of a boot that has not led to anything. */
export function bootSummary(state: SensorState, map: MediaMap, now: number): string {
  const { seen, rate } = state
  const furthest = STAGES.findLast((stage) => seen.has(stage))
  if (furthest === undefined) return 'the BMC never fetched the URL of the boot medium'
  const idle = stalledFor(state, now)
  const since = idle === undefined ? '' : `; nothing was read for ${minutes(idle)}`
  if (furthest === 'root') {
    const { bytes, totalBytes } = rootProgress(state, map)
    const share = Math.floor((100 * bytes) / Math.max(1, totalBytes))
    const verb = idle === undefined ? 'has read' : 'stalled at'
    return `the server ${verb} ${share} % of the root image, ${formatBytes(Math.round(rate))}/s${since}`
  }
  return `the server ${REACHED[furthest]}${since}`
}

const REACHED: Readonly<Record<Exclude<Stage, 'root'>, string>> = {
  header: 'read the volume header but never the boot record',
  'boot-record': 'read the boot record but never the boot partition',
  esp: 'read the boot partition but never the kernel',
  kernel: 'read the kernel but never the root image',
  task: 'read the task medium, so the maintenance OS runs; it does not reach the controller',
}

function minutes(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
