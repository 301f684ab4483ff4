import { userInfo } from 'node:os'
import { programs } from '../shared/exec.ts'
import { systemClock } from '../shared/time.ts'
import type { DispatchDeps } from './dispatch.ts'
import { readMounts } from './host.ts'
import { MEDIUM_READS, MEDIUM_WAIT_MS } from './medium.ts'
import { NETWORK_DIRECTORY } from './network.ts'
import type { NotifyDeps } from './notify.ts'
import { runPaths } from './paths.ts'
import { progressReporter } from './progress.ts'
import { screens } from './screen.ts'
import { UNIT_DIRECTORIES } from './target.ts'
import { TRUST_DIRECTORY } from './task.ts'

/** Lines for the journal and the console, each with the prefix of who speaks. */
export function speaker(prefix: string, out: (text: string) => void): (line: string) => void {
  return (line) => out(`[${prefix}] ${line}\n`)
}

const DEVICES = { sys: '/sys', dev: '/dev' }

/** The machine this process runs on. */
export function dispatchDeps(out: (text: string) => void): DispatchDeps {
  const say = speaker('provisioner', out)
  return {
    say,
    clock: systemClock,
    programs: programs(say),
    isRoot: userInfo().uid === 0,
    devices: DEVICES,
    mounts: readMounts,
    progress: (job, step, signal) => progressReporter(job, step, say, signal),
    unitDirectories: UNIT_DIRECTORIES,
    trustDirectory: TRUST_DIRECTORY,
    networkDirectory: NETWORK_DIRECTORY,
    screen: screens(DEVICES, say),
    mediumWaitMs: MEDIUM_WAIT_MS,
    mediumReads: MEDIUM_READS,
  }
}

/** What the reporters of this boot share. */
export function notifyTools(
  runDirectory: string,
  out: (text: string) => void,
): Omit<NotifyDeps, 'monitorUnit' | 'backoff'> {
  const say = speaker('webhook', out)
  const screen = screens(DEVICES, say)
  const machine = { programs: programs(say), networkDirectory: NETWORK_DIRECTORY, screen, clock: systemClock }
  return { paths: runPaths(runDirectory), say, ...machine }
}
