/** One record of a CSV text, and the line it begins in. */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
}

/**
 * The records of a CSV text (RFC 4180): fields in quotes may hold commas, line ends and doubled quotes, and are as they stand
 * between them; blanks around fields are lost. Undefined when a quote is left open.
 */
export function parseCsv(text: string): CsvRecord[] | undefined {
  const records: CsvRecord[] = []
  let fields: string[] = []
  let [line, next] = [1, 1]
  const field = /(?:[ \t]*"((?:[^"]|"")*)"[ \t]*|([^",\r\n]*))(,|\r?\n|$)/y
  while (field.lastIndex < text.length || fields.length > 0) {
    const match = field.exec(text)
    if (match === null) return undefined
    fields.push(match[1]?.replaceAll('""', '"') ?? (match[2] ?? '').trim())
    next += match[0].split('\n').length - 1
    if (match[3] === ',') continue
    if (fields.length > 1 || fields[0] !== '') records.push({ line, fields })
    line = next
    fields = []
    if (match[3] === '') break
  }
  return records
}
