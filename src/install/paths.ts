import { join } from 'node:path'

/** Where everything of an installed controller lies. The unit directories are those an administrator's files belong to (systemd.unit(5)). */
export function installPaths(root: string, prefix: string) {
  const at = (path: string) => join(root, path)
  return {
    binary: at(join(prefix, 'bin/provisioner')),
    /** The executable before the last upgrade. */
    previous: at(join(prefix, 'bin/provisioner.previous')),
    configDir: at('/etc/provisioner'),
    config: at('/etc/provisioner/provisioner.yaml'),
    /** The configuration as this version ships it: an installed one that is the same was never edited. */
    shipped: at('/etc/provisioner/provisioner.yaml.dist'),
    service: at('/etc/systemd/system/provisioner.service'),
    socket: at('/etc/systemd/system/provisioner.socket'),
    users: at('/etc/sysusers.d/provisioner.conf'),
    data: at('/var/lib/provisioner'),
  }
}

export type InstallPaths = ReturnType<typeof installPaths>

export const USER = 'provisioner'
export const SERVICE = 'provisioner.service'
export const SOCKET = 'provisioner.socket'
