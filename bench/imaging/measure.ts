import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Measured {
  /** Seconds. */
  readonly wall: number
  readonly cpu: number
  /** The largest sum of what its processes had resident, looked at every 20 ms. */
  readonly peakMb: number
}

/** Runs a command to its end. CPU seconds are those of all its children too (`times` of a shell that has waited for them). */
export async function measure(command: readonly string[]): Promise<Measured> {
  const argv = ['-c', '"$@"; code=$?; times >&3; exit $code', 'bash', ...command]
  const began = performance.now()
  const child = spawn('bash', argv, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  let times = ''
  child.stdio[3]?.on('data', (text: Buffer) => {
    times += text.toString()
  })
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, child.pid === undefined ? 0 : residentBelow(child.pid))
  }, 20)
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  clearInterval(timer)
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`)
  return { wall: (performance.now() - began) / 1000, cpu: childSeconds(times), peakMb: peak / 1e6 }
}

/** The least of each: what disturbs a run only adds to it. */
export function best(runs: readonly Measured[]): Measured {
  const least = (value: keyof Measured) => Math.min(...runs.map((run) => run[value]))
  return { wall: least('wall'), cpu: least('cpu'), peakMb: least('peakMb') }
}

/** The second line of `times`: user and system time of the children, as `0m1.234s`. */
function childSeconds(times: string): number {
  const values = [...(times.trim().split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  return values.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0)
}

function residentBelow(pid: number): number {
  try {
    const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
    return kib * 1024 + children.reduce((sum, child) => sum + residentBelow(Number(child)), 0)
  } catch {
    return 0 // It has ended.
  }
}
