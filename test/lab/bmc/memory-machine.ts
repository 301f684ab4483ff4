import type { Machine } from './machine.ts'

export interface MemoryMachine extends Machine {
  /** What was done, in order: `start cd`, `stop`, `media 0 https://…`, `media 0`. */
  readonly done: string[]
}

/** A machine that is nothing but its state, for tests of what talks to the BMC. */
export function memoryMachine(power: 'on' | 'off' = 'off'): MemoryMachine {
  const done: string[] = []
  let state = power
  return {
    done,
    power: () => state,
    async start(boot) {
      done.push(`start ${boot}`)
      state = 'on'
    },
    async stop() {
      done.push('stop')
      state = 'off'
    },
    async shutdown() {
      done.push('shutdown')
      state = 'off'
    },
    async media(drive, url) {
      done.push(url === undefined ? `media ${drive}` : `media ${drive} ${url}`)
    },
  }
}
