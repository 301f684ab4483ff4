import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { spawnInTools } from '../programs.ts'
import { type Accelerator, FIRMWARE, KVM, TCG } from './command-line.ts'

/** Where KVM is only half there, the firmware stops within a second: "internal-error" in the place of "running". */
const PROBE_MS = 2_000
const PROBE_LIMIT_MS = 20_000

/**
 * KVM when the firmware runs with it, else emulation. A /dev/kvm that exists may still not work: in a container, without
 * nested virtualization, or under a hypervisor that emulates a part of it.
 */
export async function accelerator(): Promise<Accelerator> {
  const present = await access('/dev/kvm').then(
    () => true,
    () => false,
  )
  return present && (await runsFirmware(KVM)) ? KVM : TCG
}

async function runsFirmware({ argv }: Accelerator): Promise<boolean> {
  const machine = ['-nodefaults', '-display', 'none', '-machine', 'q35', ...argv, '-monitor', 'stdio']
  const firmware = ['-drive', `if=pflash,format=raw,readonly=on,file=${FIRMWARE.code}`]
  const signal = AbortSignal.timeout(PROBE_LIMIT_MS)
  const child = await spawnInTools(['qemu-system-x86_64', ...machine, ...firmware], {
    signal,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  child.stdin?.on('error', () => undefined)
  const ended = once(child, 'close').catch(() => undefined)
  await Promise.race([ended, delay(PROBE_MS)])
  child.stdin?.end('info status\nquit\n')
  await ended
  return child.exitCode === 0 && said.includes('VM status: running')
}
