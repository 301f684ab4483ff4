import type { Bmc, ConnectBmc, MediaUrls, PowerState, RedfishStep } from '../../../src/server/jobs/bmc-ports.ts'
import { refusal } from '../../../src/server/jobs/bmc-refusal.ts'
import { AppError } from '../../../src/shared/errors.ts'
import { sleep } from '../../../src/shared/time.ts'

/** One machine and its BMC in memory: what was done to it, in order, and where it breaks on purpose. */
export interface FakeMachine {
  /** What its BMC says its serial number is. */
  serial: string
  power: PowerState
  media: MediaUrls | undefined
  armed: boolean
  /** Its BMC takes boot settings while it is off alone. */
  armsWhenOff: boolean
  /** Milliseconds until an accepted order to switch on is carried out. */
  onAfterMs: number
  /** How often it was switched on. */
  starts: number
  readonly calls: string[]
  /** Methods that fail, by name; `login`: the account is refused; `system`: the BMC lists no system yet; `away`: it does not answer; `stuck`: media, until a restart. */
  readonly broken: Set<string>
  /** Logins that it refuses after a restart. */
  refusals: number
  /** What the order to switch on ends with once it was carried out. */
  powerOnAnswer: Error | undefined
  /** Called when it starts from our media. */
  onBoot: ((media: MediaUrls) => void | Promise<void>) | undefined
  /** Called when it starts without our media. */
  onOwnBoot: (() => void) | undefined
}

export function fakeMachine(): FakeMachine {
  return {
    serial: 'SN1',
    power: 'off',
    media: undefined,
    armed: false,
    armsWhenOff: false,
    onAfterMs: 0,
    starts: 0,
    calls: [],
    broken: new Set(),
    refusals: 0,
    powerOnAnswer: undefined,
    onBoot: undefined,
    onOwnBoot: undefined,
  }
}

export function connectFake(machine: FakeMachine): ConnectBmc {
  return async () => {
    if (machine.broken.has('away')) {
      machine.calls.push('away')
      throw new AppError('redfish-unreachable', 'Cannot reach the fake BMC')
    }
    if (machine.broken.has('system')) {
      machine.calls.push('system')
      throw new AppError('redfish-answer', 'Cannot find the system: the BMC lists none')
    }
    const isRestarted = machine.calls.includes('restart')
    if (!machine.broken.has('login') && !(isRestarted && machine.refusals-- > 0)) return fakeBmc(machine)
    machine.calls.push('login')
    throw refusal('redfish-answer', 'Cannot log in to the fake BMC', { status: 401 })
  }
}

function fakeBmc(machine: FakeMachine): Bmc {
  function call(name: string): void {
    machine.calls.push(name)
    if (machine.broken.has(name)) throw new AppError('redfish-answer', `Cannot do ${name}: the fake BMC refuses`)
  }
  return {
    armsWhenOff: machine.armsWhenOff,
    async facts() {
      call('facts')
      return { vendor: 'Fake', model: 'Machine', firmware: '1', serial: machine.serial, uuid: undefined }
    },
    async insertMedia(media, onStep: (step: RedfishStep) => void) {
      onStep('redfish.mount.maintenance')
      call('insertMedia')
      if (machine.broken.has('stuck')) {
        throw refusal('redfish-answer', 'Cannot insert: the fake BMC is stuck', { restartHelps: true })
      }
      machine.media = media
    },
    async ejectMedia() {
      call(machine.power === 'on' ? 'ejectMedia under a running system' : 'ejectMedia')
      machine.media = undefined
    },
    async bootOnceFromCd() {
      call('bootOnceFromCd')
      if (machine.armsWhenOff && machine.power === 'on') throw new AppError('redfish-answer', 'Cannot arm: it is on')
      machine.armed = true
    },
    async clearBootOverride() {
      call('clearBootOverride')
      machine.armed = false
    },
    power: async () => machine.power,
    async powerOff() {
      call('powerOff')
      machine.power = 'off'
    },
    async powerOn(signal) {
      call('powerOn')
      if (machine.power === 'on') return
      if (machine.onAfterMs > 0) {
        setTimeout(switchOn, machine.onAfterMs)
        while (machine.power === 'off') await sleep(1, signal)
        return
      }
      await switchOn()
      if (machine.powerOnAnswer !== undefined) throw machine.powerOnAnswer
    },
    async restart() {
      call('restart')
      machine.broken.delete('stuck')
    },
    close: async () => undefined,
  }

  async function switchOn(): Promise<void> {
    machine.power = 'on'
    machine.starts += 1
    if (machine.armed && machine.media !== undefined) {
      machine.armed = false
      await machine.onBoot?.(machine.media)
    } else machine.onOwnBoot?.()
  }
}
