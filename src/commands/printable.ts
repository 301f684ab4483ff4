const ESCAPE = String.fromCharCode(0x1b)

/** Control sequences of terminals (ECMA-48 section 5.4): ESC [, parameters, intermediate bytes, a final byte. */
const SEQUENCE = new RegExp(`${ESCAPE}\\[[0-?]*[ -/]*[@-~]`, 'g')

/** Text of BMCs and servers as a terminal may be given it: nothing in it moves the cursor or sets a title. */
export function printable(text: string): string {
  return text.replace(SEQUENCE, '').replace(/[^\P{Cc}\n\t]/gu, '')
}
