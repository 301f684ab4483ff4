/** What may be wrong with a simulated server, by the name that follows the profile: `--simulate idrac9+no-licence`. */
export const FAULTS = {
  'no-licence': 'virtual media are refused for want of a licence',
  'no-route': 'the BMC cannot reach the media URL',
  'never-reads': 'the BMC shows a medium as inserted and never reads it',
  'no-sessions': 'every session of the pool is taken',
  restarting: 'the BMC has just started: it lists no system, and then does not tell its serial number, for some looks',
  'short-sessions': 'sessions end after ten requests',
  'session-media': 'media are ejected when the session that inserted them ends, unless the slot is told otherwise',
  busy: 'the first requests are answered 503',
  occupied: 'the first changes are refused, since the BMC is busy with another operation (Dell SYS446)',
  hiccup: 'the first inserts are refused, since the BMC cannot fetch for a moment',
  'late-media': 'a slot goes on showing what it was for some looks after an insert or eject',
  haunted: 'every slot is in use, and shows no medium',
  'still-shown': 'the BMC goes on showing an ejected medium as inserted',
  'name-only': 'the BMC shows of a medium its name, without the rest of the URL',
  untold: 'the BMC does not tell which medium is inserted',
  detached: 'virtual media are detached (Dell VRM0021)',
  wedged: 'virtual media stay detached until the BMC is restarted (Dell VRM0021)',
  legacy: 'the server starts in Legacy mode',
  'no-cd-target': 'no CD may be asked for as the boot target; the virtual CD is a boot option of UEFI',
  flips: 'the first change of the boot target flips the boot mode to Legacy',
  'pending-job': 'a configuration job of somebody else is in progress (Dell LC068)',
  distrusts: 'media are refused once their certificate is to be verified, whoever signed it',
  storeless: 'a slot links a store of certificates that is not there',
  'wrong-clock': 'the clock of the BMC is three days behind',
  'wrong-serial': 'the BMC belongs to another server',
  fails: 'the maintenance OS reports that partition.service failed',
  quick: 'nothing takes time, for tests',
  silent: 'the maintenance OS starts and never reports',
} as const

export type Fault = keyof typeof FAULTS

export function isFault(name: string): name is Fault {
  return Object.hasOwn(FAULTS, name)
}
