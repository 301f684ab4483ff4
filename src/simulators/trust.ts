import { CERTIFICATE_SERVICE, link, REPLACE_CERTIFICATE } from './paths.ts'
import type { Body, Reply } from './reply.ts'
import { type BmcState, refusal, type SlotState } from './state.ts'

/** What is at a path of a slot's store of certificates, or of the service that changes them: type and properties. */
export function trustAt(path: string, state: BmcState): readonly [type: string, properties: Body] | undefined {
  if (state.profile.media.certificates === undefined || state.faults.has('storeless')) return undefined
  if (path === CERTIFICATE_SERVICE) {
    const actions = { '#CertificateService.ReplaceCertificate': { target: REPLACE_CERTIFICATE } }
    return ['CertificateService.v1_0_4', { Name: 'Certificate Service', Actions: actions }]
  }
  for (const slot of state.slots) {
    const members = slot.certificates.map((_, index) => link(`${storeOf(slot)}/${index + 1}`))
    if (path === storeOf(slot)) return ['CertificateCollection', { Name: 'Certificates', Members: members }]
    const index = members.findIndex(({ '@odata.id': id }) => id === path)
    if (index < 0) continue
    // Lines as the BMC likes them.
    const pem = slot.certificates[index]?.replaceAll('\n', '\r\n')
    return ['Certificate.v1_5_0', { Name: 'Certificate', CertificateType: 'PEM', CertificateString: pem }]
  }
  return undefined
}

/** What a slot shows of it. */
export function trustOf(slot: SlotState, { profile }: BmcState): Body {
  if (profile.media.certificates === undefined) return {}
  return { Certificates: link(storeOf(slot)), VerifyCertificate: slot.verifies }
}

/** Another certificate in a store, or in the place of one; undefined when the path is none of these. */
export function changeTrust(path: string, body: Body, state: BmcState): Reply | undefined {
  const pem = String(body['CertificateString'])
  const slot = state.slots.find((candidate) => storeOf(candidate) === path)
  if (slot !== undefined && state.profile.media.certificates !== undefined) {
    if (slot.certificates.length >= state.profile.media.certificates) {
      return refusal(state, { status: 400, id: 'CreateLimitReachedForResource', text: 'The store is full.' })
    }
    slot.certificates.push(pem)
    return { status: 201, headers: { Location: `${storeOf(slot)}/${slot.certificates.length}` } }
  }
  if (path !== REPLACE_CERTIFICATE) return undefined
  const uri = (body['CertificateUri'] as Body | undefined)?.['@odata.id']
  for (const { certificates, ...owner } of state.slots) {
    const index = certificates.findIndex((_, at) => `${storeOf(owner)}/${at + 1}` === uri)
    if (index < 0) continue
    certificates[index] = pem
    return { status: 204 }
  }
  return undefined
}

/** Undefined when the change is not about it. A slot that holds a medium is frozen (iLO). */
export function changeVerify(slot: SlotState, body: Body, state: BmcState): Reply | undefined {
  const wanted = body['VerifyCertificate']
  if (state.profile.media.certificates === undefined || typeof wanted !== 'boolean') return undefined
  if (slot.image !== undefined) {
    const text = 'The property cannot be changed while a medium is inserted.'
    return refusal(state, { status: 400, id: 'UnableToModifyAfterVirtualMediaInsert', text })
  }
  slot.verifies = wanted
  return { status: 200 }
}

function storeOf({ path }: Pick<SlotState, 'path'>): string {
  return `${path}/Certificates`
}
