import type { LearnedProfile } from '../jobs/bmc-ports.ts'
import type { RedfishAnswer } from './answer.ts'
import { textAt } from './json.ts'
import { hasMessage } from './messages.ts'
import type { Slot } from './resources.ts'

export interface InsertPayload {
  readonly Image: string
  readonly Inserted?: true
  readonly WriteProtected?: true
  readonly TransferProtocolType?: string
  readonly TransferMethod?: 'Stream'
  readonly UserName?: string
  readonly Password?: string
}

/** What this BMC wants beside the image. Kept after a success, so that the next insert is right at once. */
export interface InsertShape {
  readonly rung: number
  readonly demands: readonly Demand[]
}

type Demand = 'TransferProtocolType' | 'TransferMethod' | 'UserName'

/**
 * Supermicro X11/X12 refuse more than Image; others want to be told that it is to be inserted. Slots that are changed by
 * PATCH (Lenovo XCC) start at the second rung.
 */
const RUNGS: readonly Pick<InsertPayload, 'Inserted' | 'WriteProtected'>[] = [
  {},
  { Inserted: true, WriteProtected: true },
  { Inserted: true },
]

/** A parameter the refusal names, and what to send then. NVIDIA DGX wants an account where none is needed. */
const DEMANDS: readonly { readonly demand: Demand; readonly named: RegExp }[] = [
  { demand: 'TransferProtocolType', named: /TransferProtocolType/i },
  { demand: 'TransferMethod', named: /TransferMethod/i },
  { demand: 'UserName', named: /UserName|Password/i },
]

/** Statuses that speak of the payload; everything else is the same for every payload. */
const PAYLOAD_STATUS = [400, 415, 422, 500]

/** A shape as it was stored; `undefined` when this program does not know it (any more). */
export function knownShape(stored: LearnedProfile['insert']): InsertShape | undefined {
  if (stored === null || RUNGS[stored.rung] === undefined) return undefined
  const demands = DEMANDS.map(({ demand }) => demand).filter((demand) => stored.demands.includes(demand))
  return { rung: stored.rung, demands }
}

/** The names of what was sent, for people; `undefined` as above. */
export function payloadNames(stored: LearnedProfile['insert']): readonly string[] | undefined {
  const shape = knownShape(stored)
  if (shape === undefined) return undefined
  const demanded = shape.demands.flatMap((demand) => (demand === 'UserName' ? ['UserName', 'Password'] : [demand]))
  return ['Image', ...Object.keys(RUNGS[shape.rung] ?? {}), ...demanded]
}

export function firstShape(slot: Slot): InsertShape {
  return { rung: slot.insert === undefined ? 1 : 0, demands: [] }
}

export function payloadOf(shape: InsertShape, slot: Slot, image: string): InsertPayload {
  const demanded = (demand: Demand) => shape.demands.includes(demand)
  return {
    Image: image,
    ...RUNGS[shape.rung],
    ...(demanded('TransferProtocolType') ? { TransferProtocolType: protocolOf(slot, image) } : {}),
    ...(demanded('TransferMethod') ? { TransferMethod: 'Stream' as const } : {}),
    ...(demanded('UserName') ? { UserName: 'none', Password: 'none' } : {}),
  }
}

/** The slot is in use by a medium or a session, shown or not (Dell, HPE, others); or detached from the server (Dell). */
const IN_USE = /(VRM0009|VRM0021|ResourceInUse|MaxVirtualMediaConnectionEstablished)$/

export function isInUse({ messages }: RedfishAnswer): boolean {
  return hasMessage(messages, IN_USE)
}

/** A refusal that another payload may be spared. */
export function speaksOfPayload(answer: RedfishAnswer): boolean {
  return PAYLOAD_STATUS.includes(answer.status) && !isInUse(answer)
}

/** What to try after a refusal: the parameter it names, else the next rung; `undefined` when there is nothing more. */
export function nextShape(shape: InsertShape, refusal: RedfishAnswer): InsertShape | undefined {
  if (!speaksOfPayload(refusal)) return undefined
  const said = refusal.messages.flatMap((message) => [message.text, ...message.arguments, ...message.properties])
  // Some name the parameter in the sentence above the messages alone.
  const words = [...said, textAt(refusal.body, 'error', 'message') ?? '']
  const demanded = DEMANDS.filter(
    ({ demand, named }) => !shape.demands.includes(demand) && words.some((word) => named.test(word)),
  )
  if (demanded.length > 0) return { ...shape, demands: [...shape.demands, ...demanded.map(({ demand }) => demand)] }
  return shape.rung + 1 < RUNGS.length ? { ...shape, rung: shape.rung + 1 } : undefined
}

/** HTTP or HTTPS as the URL has it, spelled as the BMC's list spells it. "URI" is no TransferProtocolType. */
function protocolOf(slot: Slot, image: string): string {
  const scheme = new URL(image).protocol.slice(0, -1).toUpperCase()
  return slot.protocols?.find((value) => value.toUpperCase() === scheme) ?? scheme
}
