import { join } from 'node:path'
import { temporaryDirectory } from '../support/open-registry.ts'
import type { Client } from './client.ts'
import { createClient, ServerDied } from './client.ts'
import { checkKnown, checkStorage } from './invariants.ts'
import type { KillPlan } from './kill-points.ts'
import { makeBlobs, nothingKnown } from './known.ts'
import type { Life } from './lives.ts'
import { lives } from './lives.ts'
import type { Random } from './random.ts'
import { createRandom } from './random.ts'

const REPOSITORIES = ['a', 'b/c', 'd']

export interface Outcome {
  readonly kills: number
  /** Requests that were answered. */
  readonly acts: number
  readonly collected: number
  /** Files that a death left without a row, as garbage collection found them. */
  readonly orphans: number
}

/**
 * A registry that dies `kills` times at a random step of its storage while three clients and garbage collection work,
 * and is looked at after each start: test/registry/faults/invariants.ts says what must hold.
 */
export async function tellStory(seed: number, kills: number): Promise<Outcome> {
  const random = createRandom(seed)
  const root = join(await temporaryDirectory(), 'data')
  const blobs = makeBlobs(random, 18)
  const clients = REPOSITORIES.map((repository) =>
    createClient(
      nothingKnown(repository),
      REPOSITORIES.filter((each) => each !== repository),
      blobs,
      createRandom(random.below(2 ** 31)),
    ),
  )
  const run = await lives(root)
  const outcome = { kills: 0, acts: 0, collected: 0, orphans: 0 }
  let power = false
  try {
    while (outcome.kills < kills) {
      const planned = random.chance(0.1) ? makePlan(random, 12) : undefined
      const life = await run.next(planned)
      if (life === undefined) {
        outcome.kills++
        power ||= planned?.power === true
        continue
      }
      outcome.orphans += checkStorage(root).orphans
      for (const { known } of clients) await checkKnown(life.url, known, { power, pulls: 2 })
      const plan = makePlan(random, 150)
      life.arm(plan)
      power = plan.power || planned?.power === true
      await workUntilDead(life, clients, random, outcome)
      outcome.kills++
    }
    await checkEnd(root, run.next(), clients, power)
    return outcome
  } finally {
    await run.end()
  }
}

/** Steps that are rare and where it matters most: a blob goes, a blob comes. */
const TENDER = ["'deleting'", 'DELETE FROM repository_blobs', 'rm', 'rename', 'COMMIT']

function makePlan(random: Random, within: number): KillPlan {
  const when = random.pick(['before', 'after', 'halfway'] as const)
  const only = random.chance(0.4) ? random.pick(TENDER) : ''
  const step = 1 + random.below(only === '' ? within : 5)
  return { step, when, only, power: random.chance(0.5), seed: 1 + random.below(2 ** 30) }
}

async function workUntilDead(
  life: Life,
  clients: readonly Client[],
  random: Random,
  outcome: { acts: number; collected: number },
) {
  async function work(client: Client): Promise<void> {
    for (;;) {
      await client.act(life.url)
      outcome.acts++
    }
  }
  async function collect(): Promise<void> {
    for (;;) {
      const report = await life.ask(random.chance(0.85) ? 'gc' : 'scrub')
      if (report === undefined) throw new ServerDied('garbage collection: no answer')
      outcome.collected += (report as { bytes: number }).bytes > 0 ? 1 : 0
    }
  }
  // The step of the plan may never come.
  const limit = setTimeout(life.kill, 2000)
  const results = await Promise.allSettled(
    [...clients.map(work), collect()].map((each) => each.finally(() => life.kill())),
  )
  await life.dead
  clearTimeout(limit)
  for (const result of results) {
    if (result.status === 'rejected' && !(result.reason instanceof ServerDied)) throw result.reason
  }
}

/** In the end garbage collection leaves nothing that no row knows, and all that was acknowledged. */
async function checkEnd(
  root: string,
  next: Promise<Life | undefined>,
  clients: readonly Client[],
  power: boolean,
): Promise<void> {
  const life = await next
  if (life === undefined) throw new Error('Cannot open the registry')
  for (const { known } of clients) await checkKnown(life.url, known, { power, pulls: 1000 })
  await life.ask('gc')
  const { orphans } = checkStorage(root)
  if (orphans > 0) throw new Error(`Garbage collection left ${orphans} orphans`)
  for (const { known } of clients) await checkKnown(life.url, known, { power, pulls: 1000 })
  life.kill()
  await life.dead
}
