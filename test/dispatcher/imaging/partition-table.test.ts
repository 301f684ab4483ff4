import { expect, test } from 'vitest'
import { tableFacts } from '../../../src/dispatcher/imaging/partition-table.ts'
import { gptDisk, mbrDisk } from './disk-bytes.ts'

const MIB = 1 << 20

test.for<[string, Buffer, object | undefined]>([
  ['a GPT of 512-byte sectors', gptDisk(4 * MIB), { label: 'gpt', sectorBytes: 512, endBytes: 4 * MIB }],
  [
    'a GPT of 4096-byte sectors',
    gptDisk(8 * MIB, undefined, 4096),
    { label: 'gpt', sectorBytes: 4096, endBytes: 8 * MIB },
  ],
  ['an MBR', mbrDisk(4 * MIB, 2048, 4096), { label: 'dos', sectorBytes: 512, endBytes: 3 * MIB }],
  ['an MBR that only protects', gptDisk(4 * MIB).fill(0, 512, 600), undefined],
  ['the boot sector of a file system', Buffer.concat([Buffer.alloc(510), Buffer.from('55aa', 'hex')]), undefined],
  ['zeros', Buffer.alloc(8192), undefined],
  ['too little', Buffer.alloc(100), undefined],
])('%s is told by its first bytes', ([, head, facts]) => {
  expect(tableFacts(head)).toEqual(facts)
})
