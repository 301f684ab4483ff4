/** Where a controller dies: before the numbered step has any effect, or after it, when nobody hears of it any more. */
export interface DeathPlan {
  readonly step: number
  readonly when: 'before' | 'after'
}

/** One run of a controller that can die. After its death nothing it does has an effect, and nothing it waits for comes. */
export interface Mortal {
  /** Carries out one step: a request to a BMC, a change of the store. */
  step<T>(name: string, action: () => Promise<T>): Promise<T>
  /** What only looks; nothing comes back after the death. */
  look<T>(action: () => Promise<T>): Promise<T>
  readonly dead: Promise<void>
  isDead(): boolean
  kill(): void
  /** Names of the steps so far. */
  readonly steps: readonly string[]
}

const never = new Promise<never>(() => undefined)

/** As kill -9 looks from outside, but in the same process: a hundred deaths take no more time than one. */
export function createMortal(plan: DeathPlan | undefined, onStep: (step: number) => void = () => undefined): Mortal {
  const { promise: dead, resolve } = Promise.withResolvers<void>()
  const steps: string[] = []
  let isDead = false
  function kill(): void {
    isDead = true
    resolve()
  }
  return {
    dead,
    kill,
    steps,
    isDead: () => isDead,
    async step(name, action) {
      if (isDead) return never
      steps.push(name)
      const mine = steps.length
      onStep(mine)
      if (plan?.step === mine && plan.when === 'before') kill()
      if (isDead) return never
      const result = await action()
      if (plan?.step === mine) kill()
      return isDead ? never : result
    },
    async look(action) {
      if (isDead) return never
      const result = await action()
      return isDead ? never : result
    },
  }
}
