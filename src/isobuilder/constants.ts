/** The numbers of the standard. Writer and reader share them and nothing else. ECMA-119, 2nd edition. */

/** Bytes of a logical sector and of a logical block. Windows reads no other block size (ECMA-119 6.1.2, 6.2.2). */
export const SECTOR = 2048

/** Sectors 0-15 are the system area (ECMA-119 6.2.1). */
export const FIRST_DESCRIPTOR = 16

/** ECMA-119 8.1.1. */
export const DESCRIPTOR_TYPE = { boot: 0, primary: 1, supplementary: 2, terminator: 255 } as const

/** ECMA-119 8.1.2. */
export const STANDARD_IDENTIFIER = 'CD001'

/** File flags of a directory record (ECMA-119 9.1.6). */
export const FLAG = { directory: 0x02, moreExtents: 0x80 } as const

/** The type bits and kinds of a POSIX file mode, as Rock Ridge records it (RRIP 4.1.1). */
export const MODE_TYPE = { mask: 0o170000, directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const

/**
 * Directories below each other. The standard allows 8 (ECMA-119 6.8.2.1), every reader tried takes more; this is our
 * limit against endless nesting, on both sides.
 */
export const MAX_DEPTH = 128
