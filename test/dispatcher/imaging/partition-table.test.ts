import { expect, test } from 'vitest'
import { kindOf, TABLE_HEAD_BYTES, tableFacts } from '../../../src/dispatcher/imaging/partition-table.ts'
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
  expect(tableFacts(head)).toEqual(facts && expect.objectContaining(facts))
})

test.for([512, 4096])('the partitions of a GPT of %i-byte sectors are told, by kind and name', (sectorBytes) => {
  const disk = gptDisk(8 * MIB, undefined, sectorBytes)
  disk.writeBigUInt64LE(2n, sectorBytes + 72)
  disk.writeUInt32LE(128, sectorBytes + 80)
  disk.writeUInt32LE(128, sectorBytes + 84)
  const put = (index: number, type: string, end: number, name: string) => {
    const at = 2 * sectorBytes + index * 128
    disk.write(type, at, 'hex')
    disk.writeBigUInt64LE(BigInt(end / sectorBytes - 1), at + 40)
    disk.write(name, at + 56, 'utf16le')
  }
  put(0, '28732ac11ff8d211ba4b00a0c93ec93b', 2 * MIB, 'ESP')
  put(3, 'a2a0d0ebe5b9334487c068b6b72699c7', 3 * MIB, 'cidata')
  put(127, 'af3dc60f838472478e793d69d8477de4', 4 * MIB, '')
  expect(tableFacts(disk.subarray(0, TABLE_HEAD_BYTES))?.partitions).toEqual([
    { endBytes: 2 * MIB, kind: 'esp', name: 'ESP' },
    { endBytes: 3 * MIB, kind: 'data', name: 'cidata' },
    { endBytes: 4 * MIB, kind: 'other', name: '' },
  ])
})

test.for([
  ['C12A7328-F81F-11D2-BA4B-00A0C93EC93B', 'esp'],
  ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'esp'],
  ['ebd0a0a2-b9e5-4433-87c0-68b6b72699c7', 'data'],
  ['0FC63DAF-8483-4772-8E79-3D69D8477DE4', 'other'],
  ['0657FD6D-A4AB-43C4-84E5-0933C84B4F4F', 'swap'],
  ['E6D6D379-F507-44C2-A23C-238F2A3DF928', 'lvm'],
  ['82', 'swap'],
  ['0x8e', 'lvm'],
  ['ef', 'esp'],
  ['0xef', 'esp'],
  ['c', 'data'],
  ['0xe', 'data'],
  ['f', 'unknown'],
  ['83', 'other'],
  ['', 'other'],
] as const)('the type "%s", as sfdisk or lsblk writes it, is %s', ([type, kind]) => {
  expect(kindOf(type)).toBe(kind)
})

test('an extended partition of an MBR may hold anything', () => {
  const disk = mbrDisk(4 * MIB, 2048, 4096)
  expect(tableFacts(disk)?.partitions).toEqual([{ endBytes: 3 * MIB, kind: 'other' }])
  for (const [type, kind] of [
    [0x0f, 'unknown'],
    [0xef, 'esp'],
    [0x0c, 'data'],
  ] as const) {
    disk[446 + 4] = type
    expect(tableFacts(disk)?.partitions).toEqual([{ endBytes: 3 * MIB, kind }])
  }
})
