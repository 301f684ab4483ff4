/** The computer behind the virtual BMC: what a power button, a reset line and two USB drives can do. */
export interface Machine {
  power(): 'on' | 'off'
  /** Switches on; the firmware prefers the virtual CD or the disk for this boot. */
  start(boot: 'cd' | 'disk'): Promise<void>
  /** Cuts the power. */
  stop(): Promise<void>
  /** Presses the power button shortly; returns at once. */
  shutdown(): Promise<void>
  /** Puts the medium at the URL into drive 0 or 1, or empties the drive. Rejects when the medium cannot be read. */
  media(drive: number, url: string | undefined): Promise<void>
}
