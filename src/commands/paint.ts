import type { Io } from './command.ts'

/** SGR parameters (ECMA-48 section 8.3.117). */
const COLOURS = { red: 31, green: 32, yellow: 33, dim: 2 } as const

/** Back to the first column, and the line is empty (ECMA-48 section 8.3.41, EL). */
export const ERASE = '\r\u001b[2K'

export type Colour = keyof typeof COLOURS

/** Coloured where a person sees it; NO_COLOR and pipes get the plain text. */
export function paint(colour: Colour, text: string, { colour: wanted }: Pick<Io, 'colour'>): string {
  return wanted ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text
}
