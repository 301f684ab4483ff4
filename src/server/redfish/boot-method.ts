/** One way to start the virtual CD once. */
export interface BootMethodPart {
  /** Gives the target it was set to. */
  arm(signal: AbortSignal): Promise<string>
  /** What `arm` would set; @throws `redfish-unsupported` */
  describe(signal: AbortSignal): Promise<string>
  isArmed(signal: AbortSignal): Promise<boolean>
  /** @param wasStarted a system has run since it was armed */
  clear(wasStarted: boolean, signal: AbortSignal): Promise<void>
}
