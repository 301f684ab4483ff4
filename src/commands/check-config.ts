import { access, constants } from 'node:fs/promises'
import type { ServeConfig } from '../config.ts'
import { AppError } from '../shared/errors.ts'
import type { Logger } from '../shared/log.ts'
import { systemClock } from '../shared/time.ts'
import type { Invocation, OptionSpec } from './command.ts'

/** Looks at the files that the configuration names, as the start would. @throws `config-invalid` */
export async function checkFiles(config: ServeConfig, log: Logger): Promise<void> {
  const { maintenanceIso, registryPolicy, tlsFiles } = config
  if (maintenanceIso !== undefined) {
    await access(maintenanceIso, constants.R_OK).catch((cause: unknown) => {
      throw new AppError('config-invalid', `Cannot read the maintenance image "${maintenanceIso}"`, { cause })
    })
  }
  if (registryPolicy !== undefined) {
    const { openPolicyFile } = await import('../registry/policy-file.ts')
    await (await openPolicyFile(registryPolicy, log)).close()
  }
  if (tlsFiles !== undefined) {
    const { openCertificate } = await import('../shared/certificate.ts')
    await openCertificate({ kind: 'files', ...tlsFiles }, systemClock)
  }
}

/** Every setting that has a value, and where it comes from. */
export function settingsText(invocation: Invocation, options: Readonly<Record<string, OptionSpec>>): string {
  const lines = Object.entries(options).flatMap(([name, spec]) => {
    const value = spec.value === undefined ? String(invocation.flag(name)) : invocation.text(name)
    if (value === undefined || name === 'check' || name === 'config') return []
    return [`${name.padEnd(18)} ${value.padEnd(36)} ${invocation.origin(name)}`.trimEnd()]
  })
  return `${lines.join('\n')}\n`
}
