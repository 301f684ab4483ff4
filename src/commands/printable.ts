const ESCAPE = String.fromCharCode(0x1b)

/** Control sequences of terminals (ECMA-48 section 5.4): ESC [, parameters, intermediate bytes, a final byte. */
const SEQUENCE = new RegExp(`${ESCAPE}\\[[0-?]*[ -/]*[@-~]`, 'g')

/** Text of BMCs and servers as a terminal may be given it: nothing in it moves the cursor or sets a title. */
export function printable(text: string): string {
  return text.replace(SEQUENCE, '').replace(/[^\P{Cc}\n\t]/gu, '')
}

/** A name out of an image or archive on one line, with what a terminal would not show spelt out. */
export function visible(name: string): string {
  return name.replace(/\p{Cc}/gu, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
