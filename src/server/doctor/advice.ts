import { errorText, isAppError } from '../../shared/errors.ts'
import { type RefusalReason, refusalReasons } from '../jobs/bmc-refusal.ts'

interface Row {
  /** In the BMC's own words, or as a message id. */
  readonly says?: RegExp
  readonly reason?: RefusalReason
  readonly advice: string
  readonly isLicence?: true
}

/** What to do about a refusal. First match wins. */
const ADVICE: readonly Row[] = [
  {
    says: /LicenseKeyRequired|iLO Advanced/i,
    isLicence: true,
    advice: 'Install an iLO Advanced licence, or use a server that has one; virtual media by URL need it.',
  },
  {
    says: /LIC501|LIC\d{3}/,
    isLicence: true,
    advice: 'Install an iDRAC Enterprise or Datacenter licence; virtual media need it.',
  },
  {
    says: /OemLicenseNotPassed|SFT-OOB-LIC|SFT-DCMS/i,
    isLicence: true,
    advice: 'Activate SFT-OOB-LIC or SFT-DCMS-SINGLE on this board; media from HTTP(S) need it.',
  },
  {
    says: /licen[cs]e/i,
    isLicence: true,
    advice: 'Install the licence of the vendor that covers remote virtual media.',
  },
  {
    says: /RAC0904|not accessible|ResourceAtUri|no route|timed? ?out|Unable to read/i,
    advice:
      'The BMC cannot fetch from this controller: check --media-url, routes and firewalls from the management network, and use an IP address rather than a name.',
  },
  {
    says: /VRM0021|detached/i,
    advice:
      'Attach virtual media in the BMC (iDRAC: Virtual Media, Attach Mode: Attached), and close open consoles. A job restarts the iDRAC when nothing else helps.',
  },
  {
    says: /VRM0009|MaxVirtualMediaConnection|ResourceInUse|in use/i,
    advice: 'Somebody uses virtual media: close remote consoles and eject their media, then try again.',
  },
  { says: /VirtualMediaIsDisabled|disabled/i, advice: 'Enable virtual media in the settings of the BMC.' },
  {
    reason: 'no-http',
    advice: 'This BMC cannot boot from HTTP. Update its firmware, or provision it by another way.',
  },
  {
    reason: 'http-only',
    advice:
      'Start the controller with --media-listen ADDR:PORT too: media, and nothing else, are then served by plain HTTP.',
  },
  {
    reason: 'https-only',
    says: /ValueFormat|https, a name/i,
    advice: 'The BMC does not take the URL: it may want https. Start the controller with TLS and an https --media-url.',
  },
  {
    reason: 'starting',
    advice: 'A BMC that has just started is not ready: examine it again in some minutes.',
  },
]

const UNSUPPORTED = 'Update the firmware of the BMC; this version cannot do it.'
const ELSE = 'Read the words of the BMC above; its own log may say more.'

export function adviceFor(error: unknown): string {
  const text = errorText(error)
  const reasons = refusalReasons(error)
  const row = ADVICE.find(({ says, reason }) => says?.test(text) || (reason && reasons.includes(reason)))
  return row?.advice ?? (isAppError(error, 'redfish-unsupported') ? UNSUPPORTED : ELSE)
}

/** Whether what a BMC says is that it lacks a licence. */
export function isUnlicensed(text: string): boolean {
  return ADVICE.find(({ says }) => says?.test(text))?.isLicence === true
}
