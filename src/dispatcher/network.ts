import type { NetworkPlan } from '../shared/task/job-file.ts'

/** Sorts before the image's DHCP file, so the first match is ours (systemd.network(5)). Volatile: it is of this boot alone. */
export const NETWORK_FILE = '/run/systemd/network/10-provision.network'

/** A static address plan as a networkd file. The interface is found by its MAC address: names depend on the kernel. */
export function networkFile(plan: NetworkPlan): string {
  return [
    '[Match]',
    `MACAddress=${plan.mac}`,
    '',
    '[Link]',
    'RequiredForOnline=routable',
    '',
    '[Network]',
    'DHCP=no',
    'IPv6AcceptRA=no',
    'LinkLocalAddressing=no',
    ...plan.addresses.map((address) => `Address=${address}`),
    ...(plan.gateway === null ? [] : [`Gateway=${plan.gateway}`]),
    ...plan.dns.map((server) => `DNS=${server}`),
    '',
  ].join('\n')
}
