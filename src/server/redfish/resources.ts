import type { Resource } from './client.ts'
import { at, flagAt, isObject, linkAt, linksAt, textAt, textsAt } from './json.ts'

export interface ServiceRoot {
  readonly vendor: string | undefined
  readonly systems: string | undefined
  readonly managers: string | undefined
  readonly certificateService: string | undefined
}

export interface Action {
  readonly target: string
  /** Allowed values by parameter, from `Parameter@Redfish.AllowableValues`. */
  readonly allowable: (parameter: string) => readonly string[] | undefined
  /** Where they are when they are not here (DSP0266 "Action info annotation"). */
  readonly info: string | undefined
}

/** The Boot property of a system or of its settings object. */
export interface Boot {
  readonly target: string | undefined
  readonly enabled: string | undefined
  readonly mode: string | undefined
  readonly targets: readonly string[] | undefined
  /** The boot options of UEFI. */
  readonly options: string | undefined
  /** Names of the properties that exist, whatever their value. */
  readonly properties: readonly string[]
}

export interface System {
  readonly resource: Resource
  readonly manufacturer: string | undefined
  readonly model: string | undefined
  readonly serialNumber: string | undefined
  readonly sku: string | undefined
  readonly uuid: string | undefined
  /** As the BMC says it: On, Off, PoweringOn, PoweringOff, Paused. */
  readonly powerState: string | undefined
  readonly boot: Boot
  readonly reset: Action | undefined
  readonly virtualMedia: string | undefined
  readonly managers: readonly string[]
  readonly settings: string | undefined
}

export interface Manager {
  readonly path: string
  readonly model: string | undefined
  readonly firmware: string | undefined
  readonly virtualMedia: string | undefined
  readonly systems: readonly string[]
  /** The clock of the BMC, as it is written there. */
  readonly dateTime: string | undefined
  /** Dell: the attributes of the iDRAC, and the action that imports a configuration. */
  readonly attributes: string | undefined
  readonly importConfiguration: string | undefined
  /** Dell: the queue of jobs. */
  readonly jobService: string | undefined
  /** Manager.Reset: restarts the BMC itself. */
  readonly reset: Action | undefined
  /** AMI: the action that switches virtual media on. */
  readonly enableMedia: string | undefined
  /** AMI: the action that says how many virtual CDs there are. */
  readonly configureCds: string | undefined
}

export interface Slot {
  readonly resource: Resource
  readonly id: string
  /** `undefined` when the BMC does not say. */
  readonly mediaTypes: readonly string[] | undefined
  readonly image: string | undefined
  readonly inserted: boolean | undefined
  readonly connectedVia: string | undefined
  readonly insert: Action | undefined
  readonly eject: Action | undefined
  /** Huawei and those that have its BMC: one action for both. */
  readonly control: Action | undefined
  /** TransferProtocolType, as far as the BMC lists its values. */
  readonly protocols: readonly string[] | undefined
  /** Whom it trusts, and whether it asks (VirtualMedia 1.4.0); both or nothing. */
  readonly trust: { readonly certificates: string; readonly verifies: boolean } | undefined
  /** When the BMC ejects by itself (DSP0268 VirtualMedia, EjectPolicy). */
  readonly ejectPolicy: string | undefined
  /** The slot is changed by PATCH (Lenovo XCC). */
  readonly patchable: boolean
}

export function parseServiceRoot({ body }: Resource): ServiceRoot {
  return {
    vendor: textAt(body, 'Vendor'),
    systems: linkAt(body, 'Systems'),
    managers: linkAt(body, 'Managers'),
    certificateService: linkAt(body, 'CertificateService'),
  }
}

/** Links of a collection's members, in the BMC's order, which means nothing. */
export function parseMembers({ body }: Resource): readonly string[] {
  return linksAt(body, 'Members')
}

export function parseSystem(resource: Resource): System {
  const { body } = resource
  const managedBy = linksAt(body, 'Links', 'ManagedBy')
  return {
    resource,
    manufacturer: textAt(body, 'Manufacturer'),
    model: textAt(body, 'Model'),
    serialNumber: textAt(body, 'SerialNumber'),
    sku: textAt(body, 'SKU'),
    uuid: textAt(body, 'UUID'),
    powerState: textAt(body, 'PowerState'),
    boot: parseBoot(resource),
    reset: parseAction(body, '#ComputerSystem.Reset'),
    virtualMedia: linkAt(body, 'VirtualMedia'),
    // Huawei 1288H has Managers instead.
    managers: managedBy.length > 0 ? managedBy : linksAt(body, 'Links', 'Managers'),
    settings: linkAt(body, '@Redfish.Settings', 'SettingsObject'),
  }
}

export function parseBoot({ body }: Resource): Boot {
  const boot = at(body, 'Boot')
  return {
    target: textAt(boot, 'BootSourceOverrideTarget'),
    enabled: textAt(boot, 'BootSourceOverrideEnabled'),
    mode: textAt(boot, 'BootSourceOverrideMode'),
    targets: textsAt(boot, 'BootSourceOverrideTarget@Redfish.AllowableValues'),
    options: linkAt(boot, 'BootOptions'),
    properties: isObject(boot) ? Object.keys(boot) : [],
  }
}

export function parseManager({ path, body }: Resource): Manager {
  return {
    path,
    model: textAt(body, 'Model'),
    firmware: textAt(body, 'FirmwareVersion'),
    virtualMedia: linkAt(body, 'VirtualMedia'),
    systems: linksAt(body, 'Links', 'ManagerForServers'),
    dateTime: textAt(body, 'DateTime'),
    attributes: linksAt(body, 'Links', 'Oem', 'Dell', 'DellAttributes').find((link) =>
      /iDRAC\.Embedded\.1$/.test(link),
    ),
    importConfiguration: oemAction(body, /#OemManager\.ImportSystemConfiguration$/),
    jobService: linkAt(body, 'Links', 'Oem', 'Dell', 'DellJobService'),
    reset: parseAction(body, '#Manager.Reset'),
    enableMedia: oemAction(body, /\.EnableRMedia$/),
    configureCds: oemAction(body, /\.ConfigureCDInstance$/),
  }
}

export function parseSlot(resource: Resource): Slot {
  const { body, path, allow } = resource
  const insert = parseAction(body, '#VirtualMedia.InsertMedia') ?? hpAction(body, 'InsertVirtualMedia')
  return {
    resource,
    id: textAt(body, 'Id') ?? path.split('/').filter(Boolean).at(-1) ?? path,
    mediaTypes: textsAt(body, 'MediaTypes'),
    image: textAt(body, 'Image'),
    inserted: flagAt(body, 'Inserted'),
    connectedVia: textAt(body, 'ConnectedVia'),
    insert,
    eject: parseAction(body, '#VirtualMedia.EjectMedia') ?? hpAction(body, 'EjectVirtualMedia'),
    control: controlAction(body),
    protocols:
      insert?.allowable('TransferProtocolType') ?? textsAt(body, 'TransferProtocolType@Redfish.AllowableValues'),
    trust: parseTrust(body),
    ejectPolicy: textAt(body, 'EjectPolicy'),
    patchable: allow.includes('PATCH'),
  }
}

function parseTrust(body: unknown): Slot['trust'] {
  const [certificates, verifies] = [linkAt(body, 'Certificates'), flagAt(body, 'VerifyCertificate')]
  return certificates === undefined || verifies === undefined ? undefined : { certificates, verifies }
}

/** The action of CertificateService that puts a certificate in the place of another. */
export function parseReplaceCertificate({ body }: Resource): Action | undefined {
  return parseAction(body, '#CertificateService.ReplaceCertificate')
}

/** Allowed values of one parameter of an ActionInfo resource. */
export function parseActionInfo({ body }: Resource, parameter: string): readonly string[] | undefined {
  const parameters = at(body, 'Parameters')
  if (!Array.isArray(parameters)) return undefined
  return textsAt(
    parameters.find((candidate) => textAt(candidate, 'Name') === parameter),
    'AllowableValues',
  )
}

function parseAction(body: unknown, name: string): Action | undefined {
  return actionOf(at(body, 'Actions', name))
}

/** iLO 4, from before the standard had the action. */
function hpAction(body: unknown, name: string): Action | undefined {
  return actionOf(at(body, 'Oem', 'Hp', 'Actions', `#HpiLOVirtualMedia.${name}`))
}

/** Under `Oem.Huawei`, and `xFusion` or `Public` (H3C) where others sell the BMC. */
function controlAction(body: unknown): Action | undefined {
  const oem = at(body, 'Oem')
  if (!isObject(oem)) return undefined
  const actions = Object.keys(oem).map((brand) => actionOf(at(oem, brand, 'Actions', '#VirtualMedia.VmmControl')))
  return actions.find((action) => action !== undefined)
}

/** The target of a vendor's action, whose name begins with a version on some. */
function oemAction(body: unknown, name: RegExp): string | undefined {
  const actions = at(body, 'Actions', 'Oem')
  const key = isObject(actions) ? Object.keys(actions).find((candidate) => name.test(candidate)) : undefined
  return key === undefined ? undefined : textAt(actions, key, 'target')
}

function actionOf(action: unknown): Action | undefined {
  const target = textAt(action, 'target')
  if (target === undefined) return undefined
  return {
    target,
    allowable: (parameter) => textsAt(action, `${parameter}@Redfish.AllowableValues`),
    info: textAt(action, '@Redfish.ActionInfo'),
  }
}
