/** One run, in seconds. CPU is that of everything that did the work, in user and kernel mode. */
export interface Run {
  readonly wall: number
  readonly cpu: number
}

export interface Contestant {
  readonly name: string
  run(): Promise<Run>
}

/**
 * Everybody does the same work in turns, so that what the machine and its disk do meanwhile falls on all. `before` makes the
 * start equal for each: nothing left to write back.
 */
export async function inTurns(
  rounds: number,
  contestants: readonly Contestant[],
  before: () => Promise<void>,
): Promise<Run[][]> {
  const runs: Run[][] = contestants.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      await before()
      runs[index]?.push(await contestant.run())
    }
  }
  return runs
}

/** Prints a table of the best and the median of each; the ratios are of the first contestant to the others. */
export function printTurns(title: string, contestants: readonly Contestant[], runs: readonly Run[][]): void {
  const [ours] = runs
  console.log(`\n${title}\n`)
  console.log('| | best | median | CPU | ours by best | by median | by CPU |\n|---|---|---|---|---|---|---|')
  for (const [index, { name }] of contestants.entries()) {
    const theirs = runs[index] ?? []
    const ratio = (of: (runs: readonly Run[]) => number) => (of(ours ?? []) / of(theirs)).toPrecision(2)
    const ratios = index === 0 ? ['', '', ''] : [ratio(best), ratio(median), ratio(cpu)]
    console.log(`| ${[name, ...[best, median, cpu].map((of) => seconds(of(theirs))), ...ratios].join(' | ')} |`)
  }
}

function best(runs: readonly Run[]): number {
  return Math.min(...runs.map(({ wall }) => wall))
}

function median(runs: readonly Run[]): number {
  const walls = runs.map(({ wall }) => wall).sort((a, b) => a - b)
  return walls[walls.length >> 1] ?? Number.NaN
}

/** The least: what disturbs a run only adds to it. */
function cpu(runs: readonly Run[]): number {
  return Math.min(...runs.map((run) => run.cpu))
}

function seconds(value: number): string {
  return value < 0.1 ? `${(value * 1000).toFixed(value < 0.01 ? 2 : 0)} ms` : `${value.toFixed(2)} s`
}
