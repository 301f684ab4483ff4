import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { labScratch } from '../../test/lab/cache.ts'
import { makeContent, seed } from './content.ts'
import type { Bench, Measured, Row } from './rows.ts'
import { ROWS } from './rows.ts'
import type { Rival } from './servers.ts'
import { startDockerRegistry, startNginx, startOurs } from './servers.ts'

/*
 * npm run bench:registry [-- TEXT …]: ours beside Debian's docker-registry, and nginx as the limit for reads; needs root. Compared is
 * what the server's process spends, since the wall clock also knows what else the machine does. Takes some four minutes;
 * `-- TEXT …` runs only the rows whose name holds one of the texts.
 */

const directory = await labScratch('bench')
const rivals: Rival[] = []
let failed = false
try {
  const content = await makeContent(directory)
  rivals.push(await startOurs(directory))
  rivals.push(await startDockerRegistry(directory))
  rivals.push(await startNginx(directory, content))
  const read = ({ file }: { file: string }) => readFileSync(join(directory, file))
  for (const rival of rivals.filter(({ registry }) => registry)) await seed(rival, content, read)
  console.log(
    `${availableParallelism()} cores, Node ${process.version}, plain HTTP on the loopback, files in the page cache\n`,
  )
  console.log('| | unit | provisioner | docker-registry | ratio | nginx | goal |\n|---|---|---|---|---|---|---|')
  const named = process.argv.slice(2)
  const wanted = ({ name }: Row) => named.length === 0 || named.some((text) => name.includes(text))
  for (const row of ROWS.filter(wanted)) console.log(await compare(row, { directory, content }))
} finally {
  await Promise.all(rivals.map((rival) => rival.close()))
  await rm(directory, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)

/** One line; one after the other, so that nobody's work counts as another's, and in turns: nobody has the better time. */
async function compare(row: Row, bench: Bench): Promise<string> {
  const results: (Measured | undefined)[] = rivals.map(() => undefined)
  for (let round = 0; round < row.rounds; round++) {
    for (const [index, rival] of rivals.entries()) {
      if (row.writes && !rival.registry) continue
      const measured = await row.measure(rival, bench)
      if (measured.cost < (results[index]?.cost ?? Infinity)) results[index] = measured
    }
  }
  const [ours, theirs, limit] = results
  if (ours === undefined || theirs === undefined) throw new Error(`"${row.name}" was not measured`)
  const goal = row.goal === undefined ? '' : `${row.goal.text}: ${row.goal.reached(ours) ? 'yes' : 'NO'}`
  if (row.goal?.reached(ours) === false || ours.cost > theirs.cost) failed = true
  const ratio = `${(ours.cost / theirs.cost).toFixed(2)}`
  return `| ${row.name} | ${row.unit} | ${text(ours)} | ${text(theirs)} | ${ratio} | ${text(limit)} | ${goal} |`
}

function text(measured: Measured | undefined): string {
  if (measured === undefined) return ''
  const cost = measured.cost >= 10 ? measured.cost.toFixed(0) : measured.cost.toFixed(2)
  return measured.beside === '' ? cost : `${cost} (${measured.beside})`
}
