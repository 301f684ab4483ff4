import { MODE_TYPE } from './constants.ts'
import { putBoth32, RECORD_DATE, zeroed } from './fields.ts'
import type { DirectoryNode, TreeNode } from './tree.ts'

/**
 * System use entries: SUSP 1.10 (IEEE P1281) and RRIP 1.10 under the identifier `RRIP_1991A`, which xorriso and
 * genisoimage write by default. No RR entry (1.09 only), no CL/PL/RE: deep trees are recorded where they are.
 */

/** Bytes of a CE entry. */
export const CE_BYTES = 28

/** The first record of the root says that system use entries are in use (SUSP 5.3). */
const SP = entry('SP', [0xbe, 0xef, 0])

/** Modification, access and attribute change, 7-byte form (RRIP 4.1.6). */
const TF = entry('TF', [0x0e, ...RECORD_DATE, ...RECORD_DATE, ...RECORD_DATE])

/** Names the extension in use (SUSP 5.5): lengths of the three texts, extension version, the texts. */
const ER = extensionReference(
  'RRIP_1991A',
  'THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS',
  'PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION.',
)

/** Fixed owner and modes: who packs the image, with what umask, leaves no trace in it. */
const FILE = posixAttributes(MODE_TYPE.file | 0o444, 1)
const SYMLINK = posixAttributes(MODE_TYPE.symlink | 0o777, 1)

/** Text in one NM entry, and component records in one SL entry: an entry has at most 255 bytes (SUSP 4). */
const MAX_TEXT = 250

/** Bytes of an NM entry before its text (RRIP 4.1.4). */
const NM_HEAD = 5

/** Text in one component record: its head and an empty one behind it take two bytes each. */
const MAX_COMPONENT = MAX_TEXT - 4

/** NM (RRIP 4.1.4) and SL (4.1.3) entries: more follow. In a component record: it goes on in the next one. */
const CONTINUE = 0x01

/** A component without text that goes on in the next. */
const BRIDGE = Buffer.of(CONTINUE, 0)

/** Component records that stand for a name (RRIP 4.1.3.1). */
const COMPONENT = { current: 0x02, parent: 0x04, root: 0x08 } as const

/**
 * Entries of the records "." and ".." of a directory with those attributes. "." of the root announces SUSP and Rock
 * Ridge.
 */
export function dotEntries(attributes: Buffer, isRootSelf: boolean): Buffer[] {
  return isRootSelf ? [SP, attributes, TF, ER] : [attributes, TF]
}

/** PX of a directory. It counts the children: asked for once for each, not for each of its children. */
export function directoryAttributes(node: DirectoryNode): Buffer {
  // As in every POSIX file system: its name, its ".", and the ".." of each directory in it.
  let links = 2
  for (const child of node.children.values()) if (child.kind === 'directory') links++
  return posixAttributes(MODE_TYPE.directory | 0o555, links)
}

/**
 * Bytes of the entries of a child, when they are few enough to be known without making them; undefined for a symbolic link
 * or a long name. Tens of thousands of small files are planned by this number alone.
 */
export function childBytes(node: TreeNode): number | undefined {
  if (node.kind === 'symlink') return undefined
  const name = Buffer.byteLength(node.name)
  return name > MAX_TEXT ? undefined : FILE.length + TF.length + NM_HEAD + name
}

/** Writes the entries of a child of which `childBytes` knows the length, without making each of them. */
export function putChild(into: Buffer, at: number, node: TreeNode): void {
  const attributes = attributesOf(node)
  into.set(attributes, at)
  into.set(TF, at + attributes.length)
  const name = at + attributes.length + TF.length
  const bytes = into.write(node.name, name + NM_HEAD)
  into[name] = 0x4e // N
  into[name + 1] = 0x4d // M
  into[name + 2] = NM_HEAD + bytes
  into[name + 3] = 1
}

/** Entries of a child: attributes, times, its true name, and where a symbolic link points. */
export function childEntries(node: TreeNode): Buffer[] {
  const target = node.kind === 'symlink' ? symlinkEntries(node.target) : []
  return [attributesOf(node), TF, ...nameEntries(node.name), ...target]
}

/** The rest of the entries is at `offset` of sector `sector`, `size` bytes long (SUSP 5.1). */
export function continuationEntry(sector: number, offset: number, size: number): Buffer {
  const numbers = Buffer.alloc(24)
  putBoth32(numbers, 0, sector)
  putBoth32(numbers, 8, offset)
  putBoth32(numbers, 16, size)
  return entry('CE', numbers)
}

function attributesOf(node: TreeNode): Buffer {
  if (node.kind === 'file') return FILE
  return node.kind === 'symlink' ? SYMLINK : directoryAttributes(node)
}

/** PX with mode, links, uid 0, gid 0: 36 bytes, the form of RRIP_1991A (RRIP 4.1.1). */
function posixAttributes(mode: number, links: number): Buffer {
  const numbers = zeroed(32)
  putBoth32(numbers, 0, mode)
  putBoth32(numbers, 8, links)
  return entry('PX', numbers)
}

function nameEntries(name: string): Buffer[] {
  const texts = pieces(Buffer.from(name), MAX_TEXT)
  return texts.map((text, index) => {
    const bytes = head('NM', 1 + text.length)
    bytes[4] = index + 1 < texts.length ? CONTINUE : 0
    text.copy(bytes, NM_HEAD)
    return bytes
  })
}

/**
 * Readers differ where an entry ends between two names: Linux puts a slash there, libarchive does not. So an entry never
 * ends there: it ends with an empty component that goes on in the next entry, which all of them read alike.
 */
function symlinkEntries(target: string): Buffer[] {
  const areas: Buffer[][] = [[]]
  let used = 0
  for (const record of componentRecords(target)) {
    if (used + record.length > MAX_TEXT - BRIDGE.length) {
      const isBetweenNames = (areas.at(-1)?.at(-1)?.[0] ?? 0) !== CONTINUE
      if (isBetweenNames) areas.at(-1)?.push(BRIDGE)
      areas.push([])
      used = 0
    }
    areas.at(-1)?.push(record)
    used += record.length
  }
  return areas.map((records, index) => {
    const flags = index + 1 < areas.length ? CONTINUE : 0
    return entry('SL', Buffer.concat([Buffer.of(flags), ...records]))
  })
}

/** Repeated and trailing slashes say nothing and cannot be recorded. */
function* componentRecords(target: string): Generator<Buffer> {
  if (target.startsWith('/')) yield Buffer.of(COMPONENT.root, 0)
  for (const name of target.split('/')) {
    if (name === '') continue
    if (name === '.') yield Buffer.of(COMPONENT.current, 0)
    else if (name === '..') yield Buffer.of(COMPONENT.parent, 0)
    else yield* textComponents(Buffer.from(name))
  }
}

function* textComponents(name: Buffer): Generator<Buffer> {
  const texts = pieces(name, MAX_COMPONENT)
  for (const [index, text] of texts.entries()) {
    yield Buffer.concat([Buffer.of(index + 1 < texts.length ? CONTINUE : 0, text.length), text])
  }
}

function pieces(bytes: Buffer, most: number): Buffer[] {
  if (bytes.length > 0 && bytes.length <= most) return [bytes]
  const list: Buffer[] = []
  for (let at = 0; at < bytes.length; at += most) list.push(bytes.subarray(at, at + most))
  return list
}

function extensionReference(identifier: string, descriptor: string, source: string): Buffer {
  const texts = [identifier, descriptor, source]
  return entry(
    'ER',
    Buffer.concat([Buffer.from([...texts.map((text) => text.length), 1]), Buffer.from(texts.join(''))]),
  )
}

function entry(signature: string, data: ArrayLike<number>): Buffer {
  const bytes = head(signature, data.length)
  bytes.set(data, 4)
  return bytes
}

/** Signature, length, version 1 (SUSP 4); so many bytes behind them are the caller's to fill. */
function head(signature: string, dataBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(4 + dataBytes)
  bytes[0] = signature.charCodeAt(0)
  bytes[1] = signature.charCodeAt(1)
  bytes[2] = bytes.length
  bytes[3] = 1
  return bytes
}
