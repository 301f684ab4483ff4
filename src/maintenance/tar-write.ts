import type { TarHeader } from '../oci/tar/tar-fields.ts'
import { BLOCK, checksum, paddingOf, TYPE_FLAG } from '../oci/tar/tar-fields.ts'

/** Largest numbers of the octal fields of 12 and of 8 bytes. */
const MAX_SIZE = 8 ** 11 - 1
const MAX_ID = 8 ** 7 - 1

/** Two blocks of zeros end an archive. New ones each time: whoever takes a chunk of a stream may keep its memory. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * BLOCK)
}

/**
 * The header of a file, with a pax header before it where ustar has no room. No times: equal files give equal bytes.
 * What does not fit is written in raw bytes, attributes too.
 */
export function tarHeader(header: TarHeader): Buffer {
  const records: Buffer[] = []
  const pathBytes = Buffer.from(header.path)
  const linkBytes = Buffer.from(header.link)
  if (pathBytes.length > 100) records.push(record('path', pathBytes))
  if (linkBytes.length > 100) records.push(record('linkpath', linkBytes))
  if (header.size > MAX_SIZE) records.push(record('size', Buffer.from(String(header.size))))
  if (header.uid > MAX_ID) records.push(record('uid', Buffer.from(String(header.uid))))
  if (header.gid > MAX_ID) records.push(record('gid', Buffer.from(String(header.gid))))
  for (const name of [...header.xattrs.keys()].sort()) {
    records.push(record(`SCHILY.xattr.${name}`, header.xattrs.get(name) ?? Buffer.alloc(0)))
  }
  const own = block(pathBytes, header, TYPE_FLAG[header.type], linkBytes)
  if (records.length === 0) return own
  const pax = Buffer.concat(records)
  const nothing = { ...header, mode: 0o644, uid: 0, gid: 0, size: pax.length, major: 0, minor: 0 }
  return Buffer.concat([
    block(Buffer.from('pax'), nothing, 'x', Buffer.alloc(0)),
    pax,
    Buffer.alloc(paddingOf(pax.length)),
    own,
  ])
}

function block(path: Buffer, header: Omit<TarHeader, 'path' | 'link'>, flag: string, link: Buffer): Buffer {
  const bytes = Buffer.alloc(BLOCK)
  path.copy(bytes, 0, 0, 100)
  putOctal(bytes, 100, 8, header.mode)
  putOctal(bytes, 108, 8, header.uid > MAX_ID ? 0 : header.uid)
  putOctal(bytes, 116, 8, header.gid > MAX_ID ? 0 : header.gid)
  putOctal(bytes, 124, 12, header.size > MAX_SIZE ? 0 : header.size)
  putOctal(bytes, 136, 12, 0)
  bytes.write(flag, 156, 'latin1')
  link.copy(bytes, 157, 0, 100)
  bytes.write('ustar\u000000', 257, 'latin1')
  putOctal(bytes, 329, 8, header.major)
  putOctal(bytes, 337, 8, header.minor)
  bytes.write(`${checksum(bytes).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

function putOctal(into: Buffer, at: number, length: number, value: number): void {
  into.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
}

/** The length counts its own digits. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + String(rest.length).length
  length = rest.length + String(length).length
  return Buffer.concat([Buffer.from(String(length)), rest])
}
