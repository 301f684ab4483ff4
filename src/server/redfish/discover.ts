import { AppError } from '../../shared/errors.ts'
import { refusal } from '../jobs/bmc-refusal.ts'
import { type RedfishClient, SERVICE_ROOT } from './client.ts'
import { type Quirks, quirksFor } from './quirks.ts'
import {
  type Manager,
  parseManager,
  parseMembers,
  parseServiceRoot,
  parseSlot,
  parseSystem,
  type ServiceRoot,
  type Slot,
  type System,
} from './resources.ts'

/** Enough for a chassis full of blades; a list without end is not followed. */
const MAX_MEMBERS = 64

/** What is where on one BMC, found by following its links. */
export interface Discovery {
  readonly root: ServiceRoot
  readonly system: System
  readonly managers: readonly Manager[]
  readonly vendor: string
  readonly quirks: Quirks
}

/**
 * ServiceRoot → Systems → the system → its managers.
 * @throws `redfish-answer` while a BMC that has just started lists no system, or does not tell which one it is
 * @throws `redfish-unsupported` when none of several can be told from the others
 */
export async function discover(
  client: RedfishClient,
  serial: string | undefined,
  signal: AbortSignal,
): Promise<Discovery> {
  const root = parseServiceRoot(await client.get(SERVICE_ROOT, signal))
  const systems = await readMembers(client, root.systems, signal)
  const system = chooseSystem(systems.map(parseSystem), serial)
  const managers = await readManagers(client, root, system, signal)
  const vendor = root.vendor ?? system.manufacturer ?? ''
  const [manager] = managers
  const bmc = `${manager?.model ?? ''} ${manager?.firmware ?? ''}`
  const quirks = quirksFor(vendor, system.model ?? '', bmc)
  checkTold(system, quirks, serial)
  return { root, system, managers, vendor, quirks }
}

/** An iDRAC that gathers its inventory does not tell the service tag yet; SerialNumber is the board's and proves nothing. */
function checkTold({ sku, serialNumber }: System, { serialProperty }: Quirks, serial: string | undefined): void {
  if (serialProperty !== 'SKU' || sku !== undefined || serial === undefined || serialNumber === serial) return
  const message = 'Cannot tell which server this is: the BMC does not tell its service tag (SKU)'
  throw refusal('redfish-answer', message, { reason: 'starting' })
}

/** The one system, or the one with this serial number (Dell's is the SKU); GPU base boards are systems too, without power. */
export function chooseSystem(systems: readonly System[], serial: string | undefined): System {
  const [only] = systems
  // An iDRAC lists none for about 70 s after its start (ironic); other BMCs do not have the collection until then.
  if (only === undefined)
    throw refusal('redfish-answer', 'Cannot find the system: the BMC lists none', { reason: 'starting' })
  if (systems.length === 1) return only
  const wanted = serial?.toLowerCase()
  const named = systems.filter((system) =>
    [system.serialNumber, system.sku].some((text) => text !== undefined && text.toLowerCase() === wanted),
  )
  const candidates = named.length > 0 ? named : systems.filter((system) => system.reset !== undefined)
  const [chosen] = candidates
  const isNameless = chosen?.serialNumber === undefined && chosen?.sku === undefined
  if (chosen !== undefined && candidates.length === 1 && (named.length > 0 || wanted === undefined || isNameless)) {
    return chosen
  }
  const found = systems.map((system) => system.serialNumber ?? system.sku ?? system.resource.path).join(', ')
  throw new AppError('redfish-unsupported', `Cannot tell which system of the BMC is meant: it has ${found}`)
}

/**
 * The virtual media slots: of the system, else of its managers (deprecated since VirtualMedia 1.6, and all there is on
 * most boxes). The first collection with members counts; the same slots are often shown at both places.
 */
export async function readSlots(
  client: RedfishClient,
  { system, managers, quirks }: Discovery,
  signal: AbortSignal,
): Promise<readonly Slot[]> {
  const links = [system.virtualMedia, ...managers.map((manager) => manager.virtualMedia)]
  for (const link of links) {
    const slots = (await readMembers(client, link, signal)).map(parseSlot)
    if (slots.length > 0) return slots
  }
  const collection = links.find((link) => link !== undefined)
  return collection === undefined ? [] : quirks.hiddenSlots.map((id) => hiddenSlot(`${collection}/${id}`))
}

/** Of the first manager that has it. */
export function ofManagers<K extends keyof Manager>({ managers }: Discovery, name: K): Manager[K] | undefined {
  return managers.find((manager) => manager[name] !== undefined)?.[name]
}

/** A slot that is there only with a medium in it. The one place where a path is built: there is no link to follow. */
function hiddenSlot(path: string): Slot {
  const Actions = {
    '#VirtualMedia.InsertMedia': { target: `${path}/Actions/VirtualMedia.InsertMedia` },
    '#VirtualMedia.EjectMedia': { target: `${path}/Actions/VirtualMedia.EjectMedia` },
  }
  const body = { MediaTypes: ['CD', 'DVD'], Inserted: false, ConnectedVia: 'NotConnected', Actions }
  return parseSlot({ path, body, etag: undefined, allow: [] })
}

/** The managers of the system, else all that manage it or say nothing of what they manage. */
async function readManagers(
  client: RedfishClient,
  root: ServiceRoot,
  system: System,
  signal: AbortSignal,
): Promise<readonly Manager[]> {
  const managers: Manager[] = []
  for (const link of system.managers) {
    const resource = await client.find(link, signal)
    if (resource !== undefined) managers.push(parseManager(resource))
  }
  if (managers.length > 0) return managers
  const all = (await readMembers(client, root.managers, signal)).map(parseManager)
  return all.filter(({ systems }) => systems.length === 0 || systems.includes(system.resource.path))
}

/** Members that are listed and not there (404) are left out: Supermicro's media come and go. */
export async function readMembers(client: RedfishClient, link: string | undefined, signal: AbortSignal) {
  const collection = link === undefined ? undefined : await client.find(link, signal)
  if (collection === undefined) return []
  const found = []
  for (const member of parseMembers(collection).slice(0, MAX_MEMBERS)) {
    const resource = await client.find(member, signal)
    if (resource !== undefined) found.push(resource)
  }
  return found
}
