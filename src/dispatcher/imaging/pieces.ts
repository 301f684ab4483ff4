/** A part of a disk's content, in order: bytes, or how many zeros. */
export type Piece = Uint8Array | { readonly zeros: number }
