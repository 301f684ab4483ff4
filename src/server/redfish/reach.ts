import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { BlockList, isIP } from 'node:net'
import { AppError } from '../../shared/errors.ts'

/** Where BMCs may be: whoever can add a server must not make the controller speak to itself or to its cloud. */
export interface Reach {
  /** Refuses an address in the URL of a BMC; names are looked at when they are resolved. @throws `bmc-address` */
  check(url: string): void
  /** Resolves a name to the addresses that are allowed. */
  readonly lookup: LookupFunction
}

/** No BMC is there, or only the host's own (docs/decisions/0032-where-bmcs-may-be.md). */
const NEVER = blockList([
  '0.0.0.0/8', // this host (RFC 1122 3.2.1.3)
  '169.254.0.0/16', // link-local (RFC 3927); metadata services of clouds
  '192.0.0.0/24', // protocol assignments (RFC 6890); metadata at Oracle
  '224.0.0.0/3', // multicast, reserved, broadcast
  '100.100.100.200/32', // metadata at Alibaba
  '168.63.129.16/32', // metadata at Azure
  '::/96', // unspecified, and addresses of version 4 in an old form (RFC 4291 2.5.5.1)
  'fd00:ec2::254/128', // metadata at AWS
  'fe80::/10', // link-local
  'fec0::/10', // site-local, gone (RFC 3879)
  'ff00::/8', // multicast
])

const LOOPBACK = blockList(['127.0.0.0/8', '::1/128'])

export function openReach({ allowLoopback }: { readonly allowLoopback: boolean }): Reach {
  function isAllowed(address: string): boolean {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (LOOPBACK.check(address, family)) return allowLoopback
    return !NEVER.check(address, family)
  }

  function refusal(name: string): AppError {
    return new AppError('bmc-address', `Cannot use "${name}" as a BMC: no BMC may be at such an address`)
  }

  return {
    check(url) {
      const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
      if (isIP(host) !== 0 && !isAllowed(host)) throw refusal(host)
    },
    lookup(hostname, options, callback) {
      systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, '')
        const allowed = addresses.filter(({ address }) => isAllowed(address))
        const [first] = allowed
        if (first === undefined) return callback(refusal(hostname), '')
        if (options.all === true) callback(null, allowed)
        else callback(null, first.address, first.family)
      })
    },
  }
}

/** A list of networks in CIDR notation; addresses of version 4 mapped into version 6 are seen through (`BlockList`). */
function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits = ''] = network.split('/')
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}
