import type { Meter } from './meter.ts'

/** A part of a disk's content, in order: bytes, or how many zeros. */
export type Piece = Uint8Array | { readonly zeros: number }

export async function* counted(pieces: AsyncIterable<Piece>, meter: Pick<Meter, 'add'>): AsyncGenerator<Piece> {
  for await (const piece of pieces) {
    meter.add('zeros' in piece ? piece.zeros : piece.length)
    yield piece
  }
}

/** The first `length` bytes, or all where there are fewer; what follows is not read. */
export async function headOf(pieces: AsyncIterable<Piece>, length: number): Promise<Buffer> {
  const head = Buffer.alloc(length)
  let at = 0
  for await (const piece of pieces) {
    if ('zeros' in piece) {
      at += piece.zeros
    } else {
      head.set(piece.subarray(0, length - at), at)
      at += piece.length
    }
    if (at >= length) break
  }
  return head.subarray(0, at)
}
