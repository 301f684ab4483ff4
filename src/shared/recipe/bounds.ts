import { Lexer } from 'yaml'

/** What takes a parser time: marks, texts, lines and escapes. More than any recipe has; a second's work at most. */
const MAX_PIECES = 100_000

/** Brackets that are open at once, or indicators in a row: more than any recipe has, and few enough for recursion. */
const MAX_NESTING = 500

/** Why a YAML text is not worth parsing; undefined when it is. The lexer alone is linear and stops here. */
export function excessOf(text: string): string | undefined {
  let pieces = 0
  let open = 0
  let inRow = 0
  for (const lexeme of new Lexer().lex(text)) {
    pieces += lexeme.split(/[\n\\]/, MAX_PIECES).length
    if (pieces > MAX_PIECES) return `it has more than ${MAX_PIECES} words, lines and escapes`
    if (lexeme === '[' || lexeme === '{') open++
    else if (lexeme === ']' || lexeme === '}') open = Math.max(0, open - 1)
    if (lexeme === '-' || lexeme === '?' || lexeme === ':') inRow++
    else if (lexeme.trim() !== '' || lexeme.includes('\n')) inRow = 0
    if (open > MAX_NESTING || inRow > MAX_NESTING) return 'it is nested too deeply'
  }
  return undefined
}
