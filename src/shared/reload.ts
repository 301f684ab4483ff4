import { errorText, isAppError } from './errors.ts'
import type { Logger } from './log.ts'

export interface Reloading<C> {
  /** Reads the whole configuration again. */
  readonly read: () => Promise<C>
  /** What can be taken over while running; every other setting that changed is named in a warning. */
  readonly apply: { readonly [K in keyof C]?: (value: C[K]) => Promise<void> | void }
  /** Settings that name files: applied each time, for the file may be another one under the same name. */
  readonly always?: readonly (keyof C & string)[]
  readonly log: Logger
}

/**
 * Reads the configuration again on SIGHUP. One with problems is logged and the former one stays, whole; so is a setting
 * that cannot be taken over.
 */
export function reloadOnHangup<C extends object>(first: C, reloading: Reloading<C>): { close(): Promise<void> } {
  let current = first
  let busy: Promise<void> = Promise.resolve()
  const onHangup = () => {
    busy = busy.then(async () => {
      current = await reload(current, reloading)
    })
  }
  process.on('SIGHUP', onHangup)
  return {
    async close() {
      process.off('SIGHUP', onHangup)
      await busy
    },
  }
}

/** What is in force afterwards. */
export async function reload<C extends object>(current: C, reloading: Reloading<C>): Promise<C> {
  const { read, apply, always = [], log } = reloading
  let next: C
  try {
    next = await read()
  } catch (error) {
    const problems = isAppError(error) ? error.problems : []
    log.error({ reason: errorText(error), problems }, 'configuration not usable, the former one stays')
    return current
  }
  const result = { ...current }
  const reloaded: string[] = []
  const restart: string[] = []
  for (const name of Object.keys(next) as (keyof C & string)[]) {
    const changed = JSON.stringify(next[name]) !== JSON.stringify(current[name])
    const take = apply[name]
    if (take === undefined && changed) restart.push(name)
    if (take === undefined || !(changed || always.includes(name))) continue
    try {
      await take(next[name])
      result[name] = next[name]
      reloaded.push(name)
    } catch (error) {
      log.error({ setting: name, reason: errorText(error) }, 'setting not usable, the former one stays')
    }
  }
  log.info({ reloaded }, 'configuration read again')
  if (restart.length > 0) log.warn({ settings: restart }, 'these settings changed and need a restart')
  return result
}
