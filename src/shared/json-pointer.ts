/** A name as a part of a JSON pointer (RFC 6901 section 3). */
export function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The first part of a pointer, as it is written there. */
export function firstPart(pointer: string): string {
  return pointer.split('/')[1] ?? ''
}
