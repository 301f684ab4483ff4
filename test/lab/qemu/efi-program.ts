/** What the program does after it has said its sentence. */
export type Afterwards = 'stay' | 'reset' | 'shutdown'

// EFI_RESET_TYPE (UEFI 2.10 section 8.5.1). A program that stays halts instead.
const RESET_TYPE = { stay: 0, reset: 0, shutdown: 2 }

const HEADER_BYTES = 0x200
const SECTION_ADDRESS = 0x1000

/** A UEFI program of one kilobyte: it says a sentence on the console. It boots in two seconds where a kernel takes ten. */
export function efiProgram(says: string, afterwards: Afterwards): Buffer {
  const text = Buffer.from(`${says}\r\n\0`, 'utf16le')
  const code = machineCode(afterwards)
  // The message follows the code; the lea at byte 12 counts from the byte after it.
  code.writeInt32LE(code.length - 19, 15)
  const content = Buffer.concat([code, text])
  const section = Buffer.alloc(Math.ceil(content.length / 0x200) * 0x200)
  content.copy(section)
  return Buffer.concat([headers(section.length), section])
}

/** rdx is the EFI_SYSTEM_TABLE at entry (UEFI 2.10 section 4.3 and the x64 calling convention of 2.3.4). */
function machineCode(afterwards: Afterwards): Buffer {
  return Buffer.concat([
    hex('53 4883ec20 4889d3'), //        push rbx; sub rsp, 32; mov rbx, rdx
    hex('488b4b40 488d1500000000'), //   mov rcx, [rbx+0x40] ConOut; lea rdx, message
    hex('ff5108'), //                    call [rcx+8] OutputString
    afterwards === 'stay' ? hex('f4 ebfd') : Buffer.alloc(0), // hlt; jmp back to it
    hex('488b4358 b9'), //               mov rax, [rbx+0x58] RuntimeServices; mov ecx, type
    u32(RESET_TYPE[afterwards]),
    hex('31d2 4531c0 4531c9 ff5068 ebfe'), // xor edx, r8, r9; call [rax+0x68] ResetSystem; jmp $
  ])
}

/** DOS, COFF and PE32+ headers with one section (Microsoft PE format specification). */
function headers(sectionBytes: number): Buffer {
  const dos = Buffer.alloc(0x40)
  dos.write('MZ', 'latin1')
  dos.writeUInt32LE(0x40, 0x3c)
  const coff = Buffer.concat([hex('50450000 6486 0100'), u32(0), u32(0), u32(0), hex('f000 2e02')])
  const optional = Buffer.alloc(0xf0)
  optional.writeUInt16LE(0x20b, 0) // PE32+
  optional.writeUInt32LE(sectionBytes, 4)
  optional.writeUInt32LE(SECTION_ADDRESS, 16) // entry point
  optional.writeUInt32LE(SECTION_ADDRESS, 20)
  optional.writeUInt32LE(0x1000, 32) // section alignment
  optional.writeUInt32LE(0x200, 36) // file alignment
  optional.writeUInt32LE(SECTION_ADDRESS + 0x1000, 56) // size of image
  optional.writeUInt32LE(HEADER_BYTES, 60)
  optional.writeUInt16LE(10, 68) // EFI application
  optional.writeUInt32LE(16, 108) // data directories, all empty
  const section = Buffer.alloc(40)
  section.write('.text', 'latin1')
  section.writeUInt32LE(sectionBytes, 8)
  section.writeUInt32LE(SECTION_ADDRESS, 12)
  section.writeUInt32LE(sectionBytes, 16)
  section.writeUInt32LE(HEADER_BYTES, 20)
  section.writeUInt32LE(0x60000020, 36) // code, readable, executable
  const all = Buffer.alloc(HEADER_BYTES)
  Buffer.concat([dos, coff, optional, section]).copy(all)
  return all
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
