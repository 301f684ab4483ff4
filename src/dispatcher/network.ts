import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { BlockList, isIPv6 } from 'node:net'
import { join } from 'node:path'
import { AppError } from '../shared/errors.ts'
import type { Programs } from '../shared/exec.ts'
import { writeFileAtomic } from '../shared/files.ts'
import type { NetworkPlan } from '../shared/task/job-file.ts'

/** Volatile: it is of this boot alone. */
export const NETWORK_DIRECTORY = '/run/systemd/network'

export interface NetworkFile {
  readonly name: string
  readonly content: string
}

/** How the names of our files begin. */
const OURS = '10-provision'
/** Name of the interface on a VLAN. */
const VLAN = 'provision'
/** The file that makes it. */
const NETDEV = `${OURS}-vlan.netdev`

/** What is needed of the machine. */
interface NetworkDeps {
  readonly networkDirectory: string
  readonly programs: Programs
  readonly say: (line: string) => void
}

/**
 * Makes systemd-networkd follow the plan, and nothing of another task's; no plan means DHCP, which the image does by itself.
 * @throws `handover-failed`
 */
export async function applyNetwork(plan: NetworkPlan | null, deps: NetworkDeps, signal: AbortSignal): Promise<void> {
  const { networkDirectory: directory, programs, say } = deps
  if (plan !== null) say(`static network: ${plan.addresses.join(', ')} on ${plan.mac}`)
  try {
    const stale = (await readdir(directory).catch(() => [])).filter((name) => name.startsWith(OURS))
    if (plan === null && stale.length === 0) return
    const device = await readFile(join(directory, NETDEV), 'utf8').catch(() => undefined)
    for (const name of stale) await rm(join(directory, name))
    // systemd-networkd runs as a user of its own and must be able to read it.
    await mkdir(directory, { recursive: true, mode: 0o755 })
    const files = plan === null ? [] : networkFiles(plan)
    for (const { name, content } of files) await writeFileAtomic(join(directory, name), content, 0o644)
    // A reload changes no interface that is there, nor removes it (networkctl(1)). One that is not there is no failure.
    const isOther = device !== undefined && !files.some(({ name, content }) => name === NETDEV && content === device)
    if (isOther) await programs.run({ argv: ['networkctl', 'delete', VLAN], goodCodes: [0, 1] }, signal)
    await programs.run({ argv: ['networkctl', 'reload'] }, signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new AppError('handover-failed', 'Cannot configure the network of the task medium', { cause })
  }
}

/**
 * A static address plan as networkd files (systemd.network(5), systemd.netdev(5)). They sort before the image's DHCP file,
 * so they match first. The card is found by its MAC address, as names depend on the kernel; an interface on a VLAN has the
 * same address, so the match is for cards alone.
 */
export function networkFiles(plan: NetworkPlan): NetworkFile[] {
  const card = ['[Match]', `MACAddress=${plan.mac}`, 'Type=ether', 'Kind=!*', '', '[Link]', ...mtu(plan)]
  const none = ['', '[Network]', 'DHCP=no', 'IPv6AcceptRA=no', 'LinkLocalAddressing=no']
  const isOnLink = plan.gateway !== null && isReached(plan.gateway, plan.addresses)
  const addresses = [
    ...plan.addresses.map((address) => `Address=${address}`),
    ...(isOnLink ? [`Gateway=${plan.gateway}`] : []),
    ...plan.dns.map((server) => `DNS=${server}`),
    // As hosters have it: the route is taken only when the gateway is said to be on this link.
    ...(plan.gateway === null || isOnLink ? [] : ['', '[Route]', `Gateway=${plan.gateway}`, 'GatewayOnLink=yes']),
  ]
  const online = 'RequiredForOnline=routable'
  if (plan.vlan === undefined) return [file(`${OURS}.network`, [...card, online, ...none, ...addresses])]
  return [
    file(`${OURS}.network`, [...card, 'RequiredForOnline=no', ...none, `VLAN=${VLAN}`]),
    file(NETDEV, ['[NetDev]', `Name=${VLAN}`, 'Kind=vlan', '', '[VLAN]', `Id=${plan.vlan}`]),
    file(`${OURS}-vlan.network`, [
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

/** Whether the gateway is in the prefix of one of the addresses. */
function isReached(gateway: string, addresses: readonly string[]): boolean {
  const near = new BlockList()
  // Link-local (RFC 4291 section 2.5.6) is on every link.
  near.addSubnet('fe80::', 10, 'ipv6')
  for (const address of addresses) {
    const [ip = '', prefix] = address.split('/')
    near.addSubnet(ip, Number(prefix), familyOf(ip))
  }
  return near.check(gateway, familyOf(gateway))
}

function familyOf(ip: string): 'ipv4' | 'ipv6' {
  return isIPv6(ip) ? 'ipv6' : 'ipv4'
}

function mtu({ mtu: bytes }: NetworkPlan): string[] {
  return bytes === undefined ? [] : [`MTUBytes=${bytes}`]
}

function file(name: string, lines: readonly string[]): NetworkFile {
  return { name, content: `${lines.join('\n')}\n` }
}
