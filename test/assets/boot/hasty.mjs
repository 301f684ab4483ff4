// Loaded before our program: a minute of its patience is a second. Only the waiting of steps goes by these clocks.
import { syncBuiltinESMExports } from 'node:module'
import { performance } from 'node:perf_hooks'
import timers from 'node:timers/promises'

const FACTOR = 60
const { setTimeout } = timers
const timeout = AbortSignal.timeout.bind(AbortSignal)
const now = performance.now.bind(performance)

timers.setTimeout = (ms, ...rest) => setTimeout(ms / FACTOR, ...rest)
AbortSignal.timeout = (ms) => timeout(Math.ceil(ms / FACTOR))
performance.now = () => now() * FACTOR
syncBuiltinESMExports()
