import { AppError } from '../../shared/errors.ts'
import { must } from './answer.ts'
import type { BootMethodPart } from './boot-method.ts'
import type { RedfishClient, Resource } from './client.ts'
import { readDellAttributes } from './dell-attributes.ts'
import { type Discovery, ofManagers } from './discover.ts'
import { at } from './json.ts'

/** The virtual drive; the standard's `Cd` means the physical one before firmware 6 (dell/iDRAC-Redfish-Scripting#90). */
const VIRTUAL_CD = 'VCD-DVD'

/** Starts from `FirstBootDevice`: the next time alone while BootOnce is Enabled, else every time (aiohmi). */
const [BOOT_ONCE, FIRST_DEVICE] = ['ServerBoot.1.BootOnce', 'ServerBoot.1.FirstBootDevice'] as const

/** One line without white space, or the iDRAC refuses it. */
const IMPORT = {
  ShareParameters: { Target: ['ALL'] },
  ImportBuffer:
    '<SystemConfiguration><Component FQDD="iDRAC.Embedded.1">' +
    '<Attribute Name="ServerBoot.1#BootOnce">Enabled</Attribute>' +
    `<Attribute Name="ServerBoot.1#FirstBootDevice">${VIRTUAL_CD}</Attribute>` +
    '</Component></SystemConfiguration>',
}

/** Dell's own way to start the virtual CD once: a configuration with `ServerBoot.1`, imported by a job. */
export function dellImport(client: RedfishClient, discovery: Discovery): BootMethodPart {
  function action(): string {
    const found = ofManagers(discovery, 'importConfiguration')
    if (found !== undefined) return found
    throw new AppError('redfish-unsupported', 'Cannot set the boot override: the iDRAC imports no configuration')
  }

  return {
    ...serverBoot(client, discovery),
    async arm(signal) {
      must('set the boot override by a configuration job', await client.post(action(), IMPORT, signal))
      return VIRTUAL_CD
    },
    async describe() {
      action()
      return `${VIRTUAL_CD}, by a configuration job`
    },
  }
}

/** The same attributes, changed at once: needs no job, which another one in the queue would hold up. */
export function dellAttributes(client: RedfishClient, discovery: Discovery): BootMethodPart {
  return {
    ...serverBoot(client, discovery),
    async arm(signal) {
      const resource = await readDellAttributes(client, discovery, signal)
      if (resource === undefined) {
        throw new AppError('redfish-unsupported', 'Cannot set the boot override: the iDRAC shows no attributes')
      }
      const change = { Attributes: { [BOOT_ONCE]: 'Enabled', [FIRST_DEVICE]: VIRTUAL_CD } }
      must('set the boot override by attributes', await client.patch(resource, change, signal))
      return VIRTUAL_CD
    },
    describe: async () => `${VIRTUAL_CD}, by attributes`,
  }
}

/** What both ways set, however they did. */
function serverBoot(client: RedfishClient, discovery: Discovery): Pick<BootMethodPart, 'isArmed' | 'clear'> {
  const isSet = (resource: Resource | undefined) =>
    String(at(resource?.body, 'Attributes', FIRST_DEVICE)).toUpperCase() === VIRTUAL_CD
  return {
    isArmed: async (signal) => isSet(await readDellAttributes(client, discovery, signal)),
    async clear(_wasStarted, signal) {
      const resource = await readDellAttributes(client, discovery, signal)
      if (resource === undefined || !isSet(resource)) return
      // Never BootOnce, which would make the device the first one for good.
      const change = { Attributes: { [FIRST_DEVICE]: 'Normal' } }
      must('clear the boot override', await client.patch(resource, change, signal))
    },
  }
}
