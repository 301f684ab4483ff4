import type { Programs } from '../shared/exec.ts'

/** Properties of one unit, by name. */
export type UnitProperties = ReadonlyMap<string, string>

/** What systemd knows of these units, in an order of its own (systemctl(1), "show"). */
export async function showUnits(
  units: readonly string[],
  properties: readonly string[],
  programs: Programs,
  signal: AbortSignal,
): Promise<UnitProperties[]> {
  const argv = ['systemctl', 'show', `--property=${properties.join(',')}`, '--', ...units] as const
  return parseProperties(await programs.read({ argv: [...argv] }, signal))
}

/** Reads `NAME=VALUE` lines, with an empty line between units. */
export function parseProperties(text: string): UnitProperties[] {
  const blocks = text.split(/\n\s*\n/).filter((block) => block.includes('='))
  return blocks.map((block) => {
    const lines = block.split('\n').filter((line) => line.includes('='))
    return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  })
}
