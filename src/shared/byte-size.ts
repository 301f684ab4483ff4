const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** `512MiB`, `20G` or plain bytes, in powers of 1024; undefined for anything else. */
export function parseByteSize(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,11})([KMGT]?)(?:iB)?$/.exec(text)
  if (match === null || (match[2] === '' && text.endsWith('iB'))) return undefined
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1)
}

/** For people: `1.5 GiB`, `92 MiB`, `512 B`. The only way the program prints a size. */
export function formatBytes(bytes: number): string {
  let value = bytes
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024) return `${unit === 'B' || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`
    value /= 1024
  }
  return `${value.toFixed(1)} TiB`
}
