/** What the first bytes of a whole disk tell of its partition table. */
export interface TableFacts {
  readonly label: 'gpt' | 'dos'
  /** Of the sectors that the table counts in; an MBR is taken to count in 512. */
  readonly sectorBytes: number
  /** Where the disk that the table was made for ends, or with an MBR its last partition. */
  readonly endBytes: number
}

/** Bytes that `tableFacts` looks at: an MBR, and a GPT header in the second sector of either size. */
export const TABLE_HEAD_BYTES = 4096 + 512

const GPT_SIGNATURE = 'EFI PART'
/** Of the MBR: four entries of 16 bytes, then 55 AA (UEFI 2.10 section 5.2.1). */
const ENTRIES_AT = 446
const PROTECTIVE = 0xee

/** Undefined when it is no whole disk. GPT header: UEFI 2.10 table 5.5, the backup is in the last sector. */
export function tableFacts(head: Buffer): TableFacts | undefined {
  for (const sectorBytes of [512, 4096]) {
    if (head.length < sectorBytes + 40 || head.toString('latin1', sectorBytes, sectorBytes + 8) !== GPT_SIGNATURE)
      continue
    return { label: 'gpt', sectorBytes, endBytes: (Number(head.readBigUInt64LE(sectorBytes + 32)) + 1) * sectorBytes }
  }
  if (head.length < 512 || head.readUInt16BE(510) !== 0x55aa) return undefined
  const ends = [0, 1, 2, 3].flatMap((index) => {
    const at = ENTRIES_AT + index * 16
    const [type, sectors] = [head[at + 4], head.readUInt32LE(at + 12)]
    if (type === 0 || type === PROTECTIVE || sectors === 0) return []
    return [(head.readUInt32LE(at + 8) + sectors) * 512]
  })
  // A protective entry without a GPT behind it, or no entry: a boot sector of something else.
  return ends.length === 0 ? undefined : { label: 'dos', sectorBytes: 512, endBytes: Math.max(...ends) }
}
