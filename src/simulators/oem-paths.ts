import type { Profile } from './profile.ts'

/** Attributes of an iDRAC; `undefined` for others. */
export function dellAttributesPath({ manager }: Profile): string | undefined {
  return manager.dell ? `${manager.path}/Oem/Dell/DellAttributes/iDRAC.Embedded.1` : undefined
}

/** The action that imports a server configuration profile. */
export function dellImportPath({ manager }: Profile): string | undefined {
  return manager.dell ? `${manager.path}/Actions/Oem/EID_674_Manager.ImportSystemConfiguration` : undefined
}
