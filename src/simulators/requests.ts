import { randomBytes } from 'node:crypto'
import { changeBoot, importConfiguration } from './boot.ts'
import { documentAt } from './documents.ts'
import { configureCds, eject, insert } from './media.ts'
import { dellAttributesPath, dellImportPath, dellJobServicePath } from './oem-paths.ts'
import { ROOT, SESSIONS } from './paths.ts'
import { reset, restart } from './power.ts'
import type { Body, Reply } from './reply.ts'
import { type BmcState, etagOf, refusal, type SlotState, takeOne } from './state.ts'
import { deleteJob } from './tasks.ts'
import { changeTrust, changeVerify } from './trust.ts'

/** One request as it came, without its credentials. */
export interface SimulatedRequest {
  readonly method: string
  /** Without a slash at the end. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** `undefined` when there was no body at all. */
  readonly body: Body | undefined
}

/** Requests until all sessions end by the fault `short-sessions`. */
const SHORT_SESSION = 10

const OCCUPIED = {
  status: 400,
  id: 'IDRAC.2.8.SYS446',
  text: 'Unable to start the operation because another operation is in progress.',
}

/** Everything a simulated BMC answers. Nothing here knows HTTP servers or time. */
export async function answer(request: SimulatedRequest, state: BmcState): Promise<Reply> {
  const { method, path, body } = request
  if (takeOne(state, 'away')) return { status: 503 }
  if (takeOne(state, 'busy')) return { status: 503, headers: { 'Retry-After': '1' } }
  if (state.faults.has('short-sessions') && ++state.requests % SHORT_SESSION === 0) state.sessions.clear()
  if (path === SESSIONS && method === 'POST') return logIn(body ?? {}, state)
  if (path !== ROOT && !isKnown(request, state)) {
    return refusal(state, { status: 401, id: 'NoValidSession', text: 'There is no valid session established.' })
  }
  if (method === 'GET') return read(path, state)
  if (method === 'DELETE') return logOut(path, state)
  const refused = checkCondition(request, state)
  if (refused !== undefined) return refused
  if (takeOne(state, 'occupied')) return refusal(state, OCCUPIED)
  return (await change(request, state)) ?? missing(path, state)
}

function read(path: string, state: BmcState): Reply {
  const body = documentAt(path, state)
  if (body === undefined) return missing(path, state)
  const etag = etagOf(state.profile, body)
  const slot = state.slots.find((candidate) => candidate.path === path)
  const { media, manager } = state.profile
  const patched = slot !== undefined && (['patch', 'hp-action'].includes(media.change) || manager.postState === true)
  const allow = patched ? 'GET, HEAD, PATCH' : 'GET, HEAD'
  return { status: 200, body, headers: { Allow: allow, ...(etag !== undefined && { ETag: etag }) } }
}

/** An action is no resource: If-Match on a POST is answered 412 (iDRAC 10). */
function checkCondition({ method, path, headers }: SimulatedRequest, state: BmcState): Reply | undefined {
  const given = headers['if-match']
  const current = method === 'PATCH' ? etagOf(state.profile, documentAt(path, state)) : undefined
  if (given === undefined) {
    const { boot, system, media } = state.profile
    const isSlot = media.change === 'patch' && state.slots.some((slot) => slot.path === path)
    const isBoot = [system.path, boot.settings?.path].includes(path)
    if (method !== 'PATCH' || !boot.ifMatch || !(isBoot || isSlot)) return undefined
    return refusal(state, { status: 428, id: 'PreconditionRequired', text: 'An If-Match header is required.' })
  }
  if (given === current) return undefined
  const text = 'The ETag supplied did not match the ETag required to change this resource.'
  return refusal(state, { status: 412, id: 'PreconditionFailed', text })
}

async function change({ method, path, body }: SimulatedRequest, state: BmcState): Promise<Reply | undefined> {
  const { profile } = state
  const given = body ?? {}
  if (method === 'PATCH') return patch(path, given, state)
  if (method !== 'POST') return undefined
  if (path === `${profile.system.path}/Actions/ComputerSystem.Reset`) return reset(String(given['ResetType']), state)
  if (path === `${profile.manager.path}/Actions/Manager.Reset`) return restart(state)
  if (path === dellImportPath(profile)) return importConfiguration(given, state)
  if (profile.manager.dell && path === `${dellJobServicePath(profile)}/Actions/DellJobService.DeleteJobQueue`) {
    return deleteJob(String(given['JobID']), state)
  }
  if (profile.manager.cds !== undefined && path.endsWith('.ConfigureCDInstance')) return configureCds(given, state)
  if (profile.manager.enableMedia && path.endsWith('/AMIVirtualMedia.EnableRMedia')) {
    if (takeOne(state, 'rmedia')) {
      const text = 'Another action is in progress.'
      return refusal(state, { status: 400, id: 'AmiOem.1.0.ActionInProgress', text })
    }
    state.mediaOn = given['RMediaState'] === 'Enable'
    return { status: 204 }
  }
  const trusted = changeTrust(path, given, state)
  if (trusted !== undefined) return trusted
  const slot = state.slots.find((candidate) => state.mediaOn && path.startsWith(`${pathFor(candidate, path, state)}/`))
  if (slot === undefined) return undefined
  if (path.endsWith('/VirtualMedia.VmmControl')) return vmmControl(slot, given, state)
  const [, action] = /\/(?:Actions|Oem\/Hp)\/(?:VirtualMedia|HpiLOVirtualMedia)\.(Insert|Eject)/.exec(path) ?? []
  if (action === undefined || profile.media.change === 'patch') return undefined
  return action === 'Insert' ? insert(slot, given, state) : eject(slot, body, state)
}

/** The old name counts for inserts. */
function pathFor(slot: SlotState, path: string, { profile: { media } }: BmcState): string {
  return media.insertsAs !== undefined && path.includes('Insert') ? `${media.path}/${media.insertsAs}` : slot.path
}

/** Huawei: one action for both. */
function vmmControl(slot: SlotState, body: Body, state: BmcState): Promise<Reply> | Reply {
  const { VmmControlType: type, ...rest } = body
  if (type === 'Connect') return insert(slot, rest, state)
  if (type === 'Disconnect') return eject(slot, body, state)
  return refusal(state, { status: 400, id: 'PropertyMissing', text: 'VmmControlType is missing.' })
}

async function patch(path: string, body: Body, state: BmcState): Promise<Reply | undefined> {
  const { profile } = state
  if (path === profile.system.path) return changeBoot('system', body, state)
  if (path === profile.boot.settings?.path) return changeBoot('settings', body, state)
  if (path === dellAttributesPath(profile)) return changeAttributes(body, state)
  const slot = state.slots.find((candidate) => candidate.path === path)
  if (slot === undefined) return undefined
  const verifying = changeVerify(slot, body, state)
  if (verifying !== undefined) return verifying
  if (slot.ejectPolicy !== undefined && typeof body['EjectPolicy'] === 'string') {
    slot.ejectPolicy = body['EjectPolicy']
    return { status: 200 }
  }
  if (profile.manager.postState) return bootNext(slot, body, state)
  if (profile.media.change !== 'patch') return { status: 405 }
  if (/^(RDOC|Remote)/.test(slot.rules.id)) {
    return refusal(state, { status: 403, id: 'PropertyNotWritable', text: 'This slot takes no URL.' })
  }
  return body['Image'] === null ? eject(slot, body, state) : insert(slot, body, state)
}

function changeAttributes(body: Body, state: BmcState): Reply {
  const attributes = (body['Attributes'] ?? {}) as Body
  const { serverBoot } = state
  state.attached = attributes['VirtualMedia.1.Attached'] === 'Attached' || state.attached
  serverBoot.once = String(attributes['ServerBoot.1.BootOnce'] ?? serverBoot.once)
  serverBoot.first = String(attributes['ServerBoot.1.FirstBootDevice'] ?? serverBoot.first)
  return { status: 200 }
}

function bootNext(slot: SlotState, body: Body, state: BmcState): Reply {
  type Brand = { BootOnNextServerReset?: unknown } | undefined
  const oem = body['Oem'] as { Hp?: Brand; Hpe?: Brand } | undefined
  const wanted = (state.profile.media.change === 'hp-action' ? oem?.Hp : oem?.Hpe)?.BootOnNextServerReset
  if (oem === undefined && slot.image !== undefined) {
    const text = 'The property cannot be modified after virtual media was inserted.'
    return refusal(state, { status: 400, id: 'iLO.2.14.UnableToModifyAfterVirtualMediaInsert', text })
  }
  if (typeof wanted !== 'boolean' || slot.image === undefined) {
    return refusal(state, { status: 400, id: 'PropertyNotWritableOrUnknown', text: 'There is nothing to boot from.' })
  }
  slot.bootNext = wanted
  return { status: 200 }
}

function logIn(body: Body, state: BmcState): Reply {
  const { sessions, profile, username, password, faults } = state
  if (profile.sessions === 0) return missing(SESSIONS, state)
  if (faults.has('no-sessions') || sessions.size >= profile.sessions) {
    const text = 'The session establishment failed due to the number of simultaneous sessions exceeding the limit.'
    return refusal(state, { status: 503, id: 'SessionLimitExceeded', text })
  }
  if (body['UserName'] !== username || body['Password'] !== password) {
    return refusal(state, { status: 401, id: 'InvalidLogin', text: 'The user name or the password is wrong.' })
  }
  const path = `${SESSIONS}/${randomBytes(4).toString('hex')}`
  const token = randomBytes(16).toString('hex')
  sessions.set(path, token)
  return { status: 201, headers: { 'X-Auth-Token': token, Location: path }, body: { '@odata.id': path } }
}

function logOut(path: string, state: BmcState): Reply {
  if (!state.sessions.delete(path)) return missing(path, state)
  for (const slot of state.slots) if (slot.ejectPolicy === 'Session') slot.image = undefined
  return { status: 204 }
}

function isKnown({ headers }: SimulatedRequest, { sessions, username, password }: BmcState): boolean {
  const token = headers['x-auth-token']
  if (token !== undefined) return [...sessions.values()].some((known) => known === token)
  return headers['authorization'] === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function missing(path: string, state: BmcState): Reply {
  const text = `The resource at the URI ${path} was not found.`
  return refusal(state, { status: 404, id: 'ResourceMissingAtURI', text, args: [path] })
}
