import { isShown } from './documents.ts'
import type { Body, Reply } from './reply.ts'
import { type BmcState, refusal, type SlotState, takeOne } from './state.ts'
import { asTask } from './tasks.ts'

/** Looks that find no slot while virtual media restart. */
const RESTART_LOOKS = 3

/** An insert as the vendor's rules have it. Whether it is an action or a PATCH, the medium is checked the same way. */
export async function insert(slot: SlotState, body: Body, state: BmcState): Promise<Reply> {
  const { media, errors } = state.profile
  const refused = checkBody(body, state) ?? checkSlot(slot, state)
  if (refused !== undefined) return refused
  const image = String(body['Image'])
  if (state.faults.has('no-licence')) return refusal(state, errors.licence)
  const disconnecting = { status: 500, id: 'InternalError', text: 'The device is still being disconnected.' }
  const wrong = takeOne(state, 'eject')
    ? refusal(state, disconnecting)
    : (checkImage(slot, image, state) ?? (await checkReach(slot, image, state)))
  if (wrong !== undefined) return media.status === 202 ? asTask(state, wrong) : wrong
  hideChange(slot, state)
  slot.image = image
  slot.leftover = undefined
  slot.attachLooks = media.attachLooks ?? 0
  return done(state)
}

export function eject(slot: SlotState, body: unknown, state: BmcState): Reply {
  const { media } = state.profile
  if (media.eject === 'object' && body === undefined) {
    return refusal(state, { status: 400, id: 'MalformedJSON', text: 'The request body submitted was malformed JSON.' })
  }
  if (media.eject === 'none' && body !== undefined) {
    return refusal(state, { status: 400, id: 'ActionParameterUnknown', text: 'EjectMedia takes no parameters.' })
  }
  if (slot.image === undefined && !isShown(slot, state) && !slot.haunted) {
    return refusal(state, { status: 404, id: 'ResourceMissingAtURI', text: 'There is no such medium.' })
  }
  if (media.keepsName || state.faults.has('still-shown')) slot.leftover = slot.image
  hideChange(slot, state)
  slot.image = undefined
  slot.haunted = false
  slot.bootNext = false
  state.left.set('eject', media.busyAfterEject ?? 0)
  return done(state)
}

/** Looks that find a slot as it was, by the fault `late-media`. */
const LATE_LOOKS = 3

function hideChange(slot: SlotState, { faults }: BmcState): void {
  slot.stale = { image: slot.image, looks: faults.has('late-media') ? LATE_LOOKS : 0 }
}

function done(state: BmcState): Reply {
  const { status } = state.profile.media
  if (status === 202) return asTask(state, undefined)
  if (status === 204) return { status }
  return refusal(state, { status, id: 'Base.1.4.Success', text: 'The operation completed successfully.' })
}

/** AMI: another number of virtual CDs. Virtual media restart for it, and none is listed for some looks. */
export function configureCds({ CDInstance: wanted, ...rest }: Body, state: BmcState): Reply {
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined || typeof wanted !== 'number' || wanted < 1 || wanted > state.slots.length) {
    const text = 'CDInstance alone is expected, from 1 to 4.'
    return refusal(state, { status: 400, id: 'ActionParameterValueError', text })
  }
  if (state.slots.some(({ image }) => image !== undefined)) {
    const text = 'Virtual media are in use.'
    return refusal(state, { status: 400, id: 'AmiOem.1.0.OperationNotAllowed', text })
  }
  state.cds = wanted
  state.left.set('slots', RESTART_LOOKS)
  return { status: 204 }
}

/** Parameters: what is not known is refused, and what is demanded is named. */
function checkBody(body: Body, state: BmcState): Reply | undefined {
  const { takes, demands = [], change } = state.profile.media
  const unknown = Object.keys(body).find((name) => name !== 'Image' && !takes.includes(name))
  if (unknown !== undefined) {
    const text = `The property ${unknown} is not in the list of valid properties for the resource.`
    return refusal(state, { status: 400, id: 'PropertyUnknown', text, args: [unknown], properties: [`#/${unknown}`] })
  }
  const missing = ['Image', ...demands].find((name) => body[name] === undefined)
  if (missing !== undefined) {
    const [id, what] = change === 'patch' ? ['PropertyMissing', 'property'] : ['ActionParameterMissing', 'parameter']
    const text = `The ${what} ${missing} must be present in the request.`
    return refusal(state, { status: 400, id, text, args: [missing], properties: [`#/${missing}`] })
  }
  return undefined
}

function checkSlot(slot: SlotState, state: BmcState): Reply | undefined {
  const { media, manager } = state.profile
  if (slot.rules.takes === '405') {
    return refusal(state, {
      status: 405,
      id: 'OperationNotAllowed',
      text: 'This device belongs to the virtual console.',
    })
  }
  if (manager.dell && (!state.attached || state.wedged)) {
    const text = 'Unable to complete the operation because the virtual media is detached or already in use.'
    return refusal(state, { status: 500, id: 'IDRAC.2.8.VRM0021', text })
  }
  const others = state.slots.filter((other) => other.image !== undefined && other !== slot)
  if (slot.image === undefined && !slot.haunted && others.length < media.together) return undefined
  const text = 'The maximum number of Virtual Media sessions are already in use.'
  const ilo = manager.postState ? 'iLO.2.14.MaxVirtualMediaConnectionEstablished' : 'ResourceInUse'
  return refusal(state, { status: manager.dell ? 500 : 400, id: manager.dell ? 'IDRAC.2.8.VRM0009' : ilo, text })
}

function checkImage(slot: SlotState, image: string, state: BmcState): Reply | undefined {
  const { schemes, slots } = state.profile.media
  const url = URL.canParse(image) ? new URL(image) : undefined
  const scheme = url?.protocol.slice(0, -1) ?? ''
  const deep = (url?.pathname.split('/').length ?? 0) > 2
  const fits = slot.rules.suffix?.test(image) ?? true
  if (schemes.includes(scheme) && deep && fits && !/[?=&]/.test(image)) return undefined
  const text = `The image ${image} cannot be used: ${schemes.join(', ')}, a name that fits and a directory are expected (${slots.length} slots).`
  return refusal(state, { status: 400, id: 'ActionParameterValueFormatError', text, args: [image, 'Image'] })
}

async function checkReach(slot: SlotState, image: string, state: BmcState): Promise<Reply | undefined> {
  const { media, manager } = state.profile
  const verified = slot.verifies && image.startsWith('https:')
  const reason =
    state.faults.has('no-route') || takeOne(state, 'hiccup')
      ? 'no route to host'
      : verified && state.faults.has('distrusts')
        ? 'certificate verification failed'
        : await state.machine.probe(image, media.readsAll === true, verified ? slot.certificates : undefined).then(
            () => undefined,
            (error: unknown) => String(error),
          )
  if (reason === undefined) return undefined
  const text = `Unable to mount the remote share: the remote file location is not accessible (${reason}).`
  return refusal(state, { status: 400, id: manager.dell ? 'IDRAC.2.8.RAC0904' : 'ResourceAtUriInUnknownFormat', text })
}
