import { AppError } from '../../shared/errors.ts'
import { isOk, refused } from './answer.ts'
import type { BootMethodPart } from './boot-method.ts'
import type { RedfishClient } from './client.ts'
import type { Discovery } from './discover.ts'
import { at } from './json.ts'

/**
 * One line without white space, or the iDRAC refuses it. `VCD-DVD` is the virtual drive; the standard's `Cd` means the
 * physical one before firmware 6 (dell/iDRAC-Redfish-Scripting#90).
 */
const IMPORT = {
  ShareParameters: { Target: ['ALL'] },
  ImportBuffer:
    '<SystemConfiguration><Component FQDD="iDRAC.Embedded.1">' +
    '<Attribute Name="ServerBoot.1#BootOnce">Enabled</Attribute>' +
    '<Attribute Name="ServerBoot.1#FirstBootDevice">VCD-DVD</Attribute>' +
    '</Component></SystemConfiguration>',
}

/** Dell's own way to start the virtual CD once: a configuration with `ServerBoot.1`, imported by a job. */
export function dellImport(client: RedfishClient, { managers }: Discovery): BootMethodPart {
  const manager = managers.find(({ importConfiguration }) => importConfiguration !== undefined)

  async function attributes(signal: AbortSignal) {
    return manager?.attributes === undefined ? undefined : client.find(manager.attributes, signal)
  }
  async function isArmed(signal: AbortSignal): Promise<boolean> {
    const body = (await attributes(signal))?.body
    const value = (name: string) => at(body, 'Attributes', `ServerBoot.1.${name}`)
    return value('BootOnce') === 'Enabled' && value('FirstBootDevice') === 'VCD-DVD'
  }

  function action(): string {
    const found = manager?.importConfiguration
    if (found !== undefined) return found
    throw new AppError('redfish-unsupported', 'Cannot set the boot override: the iDRAC imports no configuration')
  }

  return {
    async arm(signal) {
      const answer = await client.post(action(), IMPORT, signal)
      if (!isOk(answer)) throw refused('set the boot override by a configuration job', answer)
      return 'VCD-DVD'
    },
    async describe() {
      action()
      return 'VCD-DVD, by a configuration job'
    },
    isArmed,
    async clear(signal) {
      const resource = (await isArmed(signal)) ? await attributes(signal) : undefined
      if (resource === undefined) return
      const answer = await client.patch(resource, { Attributes: { 'ServerBoot.1.BootOnce': 'Disabled' } }, signal)
      if (!isOk(answer)) throw refused('clear the boot override', answer)
    },
  }
}
