import fc from 'fast-check'

/** Made of what has to be replaced, divides a name, or is cut off at an end. */
const awkward = fc.string({
  unit: fc.constantFrom('a', 'A', '.', '*', '?', '_', '1', ' ', '\n', '\u2028'),
  minLength: 1,
  maxLength: 70,
})

/** Among a few of them, some get the same identifier in one of the trees: equal as far as it keeps a name. */
export const alikeNames = fc
  .tuple(
    fc.constantFrom('x'.repeat(29), 'X'.repeat(60), 'é'.repeat(62), 'x', '?', '*'),
    fc.string({ unit: fc.constantFrom('a', 'A', '*', '?', '.', ' '), maxLength: 2 }),
    fc.constantFrom('', '.c', '.text', '.seven.c', '.sevenC7 and more', `.sevenc7 ${'long '.repeat(9)}e`),
  )
  .map((parts) => parts.join(''))

/** Any names a file system has, and often those that give a writer trouble. */
export const names = fc
  .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), awkward, alikeNames)
  .map((text) => text.replace(/[/\0]/g, '_'))
  .filter((text) => text !== '.' && text !== '..' && Buffer.byteLength(text) <= 253)
