import type { Profile } from './profile.ts'

/** Attributes of an iDRAC; `undefined` for others. */
export function dellAttributesPath({ manager }: Profile): string | undefined {
  if (manager.dell === undefined) return undefined
  return `${manager.path}/${manager.dell === 'linked' ? 'Oem/Dell/DellAttributes/iDRAC.Embedded.1' : 'Attributes'}`
}

/** The action that imports a server configuration profile. */
export function dellImportPath({ manager }: Profile): string | undefined {
  return manager.dell !== undefined
    ? `${manager.path}/Actions/Oem/EID_674_Manager.ImportSystemConfiguration`
    : undefined
}

/** The queue of jobs. */
export function dellJobServicePath({ manager }: Profile): string {
  return `${manager.path}/Oem/Dell/DellJobService`
}
