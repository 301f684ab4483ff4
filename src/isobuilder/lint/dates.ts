import type { Block } from './block.ts'
import { byteAt } from './block.ts'

/** Offset of local time in quarter hours (ECMA-119 8.4.26.1, 9.1.5). */
function isZone(quarters: number): boolean {
  return quarters >= -48 && quarters <= 52
}

function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function isTime(hour: number, minute: number, second: number): boolean {
  return hour < 24 && minute < 60 && second < 60
}

/** Seven bytes of a directory record (ECMA-119 9.1.5); all zero means that there is no date. */
export function isRecordDate(block: Block, at: number): boolean {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = block.bytes.subarray(at, at + 6)
  const zone = block.bytes.readInt8(at + 6)
  if (block.bytes.subarray(at, at + 7).every((byte) => byte === 0)) return true
  return isDay(1900 + year, month, day) && isTime(hour, minute, second) && isZone(zone)
}

/** Sixteen digits and the zone (ECMA-119 8.4.26.1); all digits "0" and zone 0 means that there is no date. */
export function isDescriptorDate(block: Block, at: number): boolean {
  const text = block.bytes.toString('latin1', at, at + 16)
  const zone = block.bytes.readInt8(at + 16)
  if (/^0{16}$/.test(text)) return byteAt(block, at + 16) === 0
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)
  if (digits === null) return false
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = digits.slice(1).map(Number)
  return year >= 1 && isDay(year, month, day) && isTime(hour, minute, second) && isZone(zone)
}
