import type { MediumUrl } from '../jobs/bmc-ports.ts'
import type { Quirks } from './quirks.ts'
import type { Slot } from './resources.ts'
import { isCd } from './slots.ts'

export type Scheme = 'http' | 'https'

/**
 * The URL that a slot is given: HTTPS, unless it takes HTTP alone and media are served that way too (decision 0063). A slot
 * for USB sticks wants the same bytes under a name that ends in .img (Dell, HPE).
 */
export function urlFor(slot: Slot, { url, plainOrigin }: MediumUrl, quirks: Quirks): string {
  const named = isCd(slot) ? url : url.replace(/\.iso$/, '.img')
  const plain = plainOrigin !== undefined && onlyScheme(slot, quirks) === 'http'
  return plain ? plainOrigin + new URL(named).pathname : named
}

/** Why a slot may have refused a URL: the scheme it takes alone; undefined when that is no reason. */
export function missedScheme(slot: Slot, url: string, quirks: Quirks): Scheme | undefined {
  const only = onlyScheme(slot, quirks)
  return only !== undefined && url.startsWith(`${only}:`) ? undefined : only
}

/** By the BMC's own list of TransferProtocolType, else as its kind is known; undefined when both or nothing is known. */
function onlyScheme(slot: Slot, { plainMedia }: Quirks): Scheme | undefined {
  const listed = slot.protocols?.map((protocol) => protocol.toLowerCase())
  const [http, https] = [listed?.includes('http'), listed?.includes('https')]
  if (http || https) return http && https ? undefined : http ? 'http' : 'https'
  return plainMedia ? 'http' : undefined
}
