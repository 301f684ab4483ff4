/** What to do when a BMC says one of these, in its own words or as a message id. First match wins. */
const ADVICE: readonly { readonly says: RegExp; readonly advice: string; readonly isLicence?: true }[] = [
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
    says: /SMB shares only/,
    advice: 'This BMC cannot boot from HTTP. Update its firmware, or provision it by another way.',
  },
  {
    says: /media by HTTP alone/,
    advice:
      'Start the controller with --media-listen ADDR:PORT too: media, and nothing else, are then served by plain HTTP.',
  },
  {
    says: /media by HTTPS alone|ValueFormat|https, a name/i,
    advice: 'The BMC does not take the URL: it may want https. Start the controller with TLS and an https --media-url.',
  },
  {
    says: /lists none|does not tell its service tag/,
    advice: 'A BMC that has just started is not ready: examine it again in some minutes.',
  },
  { says: /redfish-unsupported|has none|offers/, advice: 'Update the firmware of the BMC; this version cannot do it.' },
]

const ELSE = 'Read the words of the BMC above; its own log may say more.'

export function adviceFor(text: string): string {
  return ADVICE.find(({ says }) => says.test(text))?.advice ?? ELSE
}

/** Whether what a BMC says is that it lacks a licence. */
export function isUnlicensed(text: string): boolean {
  return ADVICE.find(({ says }) => says.test(text))?.isLicence === true
}
