import { X509Certificate } from 'node:crypto'
import { errorText, isAppError } from '../../shared/errors.ts'
import { bmcRefusal } from '../jobs/bmc-refusal.ts'
import { answerText, isOk, type RedfishAnswer } from './answer.ts'
import type { RedfishClient } from './client.ts'
import { at } from './json.ts'
import { hasMessage } from './messages.ts'
import { parseMembers, parseReplaceCertificate, parseSlot, type ServiceRoot, type Slot } from './resources.ts'
import { isEmpty } from './slots.ts'

/** What the BMC refused, in its words. */
export interface Refusal {
  readonly words: string
  /** Every other server of the kind would say the same, and this one too at any other time. */
  readonly isOfKind: boolean
}

/** What came of telling a slot to verify: nothing was changed, it was switched on, or the BMC refused. */
export type Verifying =
  | { readonly state: 'as-before' }
  | { readonly state: 'on'; takeBack(makeRoom: MakeRoom, signal: AbortSignal): Promise<Refusal | undefined> }
  | { readonly state: 'refused'; readonly refusal: Refusal }

type MakeRoom = (slot: Slot, signal: AbortSignal) => Promise<void>

/** Slots have one or a few certificates; a list without end is not read. */
const MAX_CERTIFICATES = 8

/**
 * Gives the slot our CA, and lets it verify with it (VirtualMedia 1.4.0: Certificates, VerifyCertificate). Before the insert:
 * an iLO freezes a slot that holds a medium.
 */
export async function verifyMedia(
  client: RedfishClient,
  root: ServiceRoot,
  { resource: { path }, trust }: Slot,
  caPem: string,
  signal: AbortSignal,
): Promise<Verifying> {
  if (trust === undefined) return { state: 'as-before' }
  const given = await refusalOf(giveCa(client, root, trust.certificates, caPem, signal), signal)
  if (trust.verifies) return { state: 'as-before' }
  if (given !== undefined) return { state: 'refused', refusal: given }
  // Its entity tag may be another one with the certificate.
  const switchTo = async (value: boolean, within: AbortSignal, makeRoom?: MakeRoom) => {
    const now = parseSlot(await client.get(path, within))
    if (!isEmpty(now)) await makeRoom?.(now, within)
    return client.patch(now.resource, { VerifyCertificate: value }, within)
  }
  const refusal = await refusalOf(switchTo(true, signal), signal)
  if (refusal !== undefined) return { state: 'refused', refusal }
  return { state: 'on', takeBack: (makeRoom, within) => refusalOf(switchTo(false, within, makeRoom), within) }
}

/** No such store, property or action; anything else may be another server's, or pass. */
const OF_KIND = /\.(PropertyNotWritable|PropertyUnknown|ActionNotSupported)$/

/** What cannot be read (a store that is linked and not there, an account without the right) is refused like any change. */
async function refusalOf(
  change: Promise<RedfishAnswer | undefined>,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const isAbsent = (status: number | undefined) => status === 404 || status === 405 || status === 501
  try {
    const answer = await change
    if (answer === undefined || isOk(answer)) return undefined
    const { status, messages } = answer
    return { words: answerText(answer), isOfKind: isAbsent(status) || hasMessage(messages, OF_KIND) }
  } catch (error) {
    const { status } = bmcRefusal(error)
    if (signal.aborted || !isAppError(error, 'redfish-answer') || status === 401) throw error
    return { words: errorText(error), isOfKind: isAbsent(status) }
  }
}

/** The refusal, or undefined when the CA is there. */
async function giveCa(
  client: RedfishClient,
  root: ServiceRoot,
  collection: string,
  caPem: string,
  signal: AbortSignal,
): Promise<RedfishAnswer | undefined> {
  const links = parseMembers(await client.get(collection, signal)).slice(0, MAX_CERTIFICATES)
  const present = await Array.fromAsync(links, (link) => certificateAt(client, link, signal))
  if (present.some(({ pem }) => bare(pem) === bare(caPem))) return undefined
  const given = { CertificateString: caPem, CertificateType: 'PEM' }
  const added = await client.post(collection, given, signal)
  if (isOk(added)) return undefined
  // No place is left: a CA of ours from before it was made anew gives way, and no other.
  const former = present.find(({ pem }) => subjectOf(pem) === subjectOf(caPem))
  const replace = former && (await replaceTarget(client, root, signal))
  if (former === undefined || replace === undefined) return added
  const where = { CertificateUri: { '@odata.id': former.link } }
  const replaced = await client.post(replace, { ...given, ...where }, signal)
  return isOk(replaced) ? undefined : replaced
}

async function certificateAt(client: RedfishClient, link: string, signal: AbortSignal) {
  const resource = await client.find(link, signal)
  const pem = at(resource?.body, 'CertificateString')
  return { link, pem: typeof pem === 'string' ? pem : '' }
}

async function replaceTarget(client: RedfishClient, root: ServiceRoot, signal: AbortSignal) {
  const service = root.certificateService && (await client.find(root.certificateService, signal))
  return service ? parseReplaceCertificate(service)?.target : undefined
}

/** BMCs break lines as they like. */
function bare(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, '')
}

function subjectOf(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).subject
  } catch {
    // Not every BMC shows what it stores.
    return undefined
  }
}
