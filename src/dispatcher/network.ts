import type { NetworkPlan } from '../shared/task/job-file.ts'

/** Volatile: it is of this boot alone. */
export const NETWORK_DIRECTORY = '/run/systemd/network'

export interface NetworkFile {
  readonly name: string
  readonly content: string
}

/** Name of the interface on a VLAN. */
const VLAN = 'provision'

/**
 * A static address plan as networkd files (systemd.network(5), systemd.netdev(5)). They sort before the image's DHCP file,
 * so they match first. The card is found by its MAC address, as names depend on the kernel; an interface on a VLAN has the
 * same address, so the match is for cards alone.
 */
export function networkFiles(plan: NetworkPlan): NetworkFile[] {
  const card = ['[Match]', `MACAddress=${plan.mac}`, 'Type=ether', 'Kind=!*', '', '[Link]', ...mtu(plan)]
  const none = ['', '[Network]', 'DHCP=no', 'IPv6AcceptRA=no', 'LinkLocalAddressing=no']
  const addresses = [
    ...plan.addresses.map((address) => `Address=${address}`),
    ...(plan.gateway === null ? [] : [`Gateway=${plan.gateway}`]),
    ...plan.dns.map((server) => `DNS=${server}`),
  ]
  const online = 'RequiredForOnline=routable'
  if (plan.vlan === undefined) return [file('10-provision.network', [...card, online, ...none, ...addresses])]
  return [
    file('10-provision.network', [...card, 'RequiredForOnline=no', ...none, `VLAN=${VLAN}`]),
    file('10-provision-vlan.netdev', ['[NetDev]', `Name=${VLAN}`, 'Kind=vlan', '', '[VLAN]', `Id=${plan.vlan}`]),
    file('10-provision-vlan.network', [
      '[Match]',
      `Name=${VLAN}`,
      '',
      '[Link]',
      ...mtu(plan),
      online,
      ...none,
      ...addresses,
    ]),
  ]
}

function mtu({ mtu: bytes }: NetworkPlan): string[] {
  return bytes === undefined ? [] : [`MTUBytes=${bytes}`]
}

function file(name: string, lines: readonly string[]): NetworkFile {
  return { name, content: `${lines.join('\n')}\n` }
}
