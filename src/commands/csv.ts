/** The records of a CSV text (RFC 4180): fields in quotes may hold commas, line ends and doubled quotes. Undefined when a quote is left open. */
export function parseCsv(text: string): string[][] | undefined {
  const records: string[][] = []
  let record: string[] = []
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y
  while (field.lastIndex < text.length || record.length > 0) {
    const match = field.exec(text)
    if (match === null) return undefined
    record.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === ',') continue
    if (record.length > 1 || record[0] !== '') records.push(record)
    record = []
    if (match[3] === '') break
  }
  return records
}
