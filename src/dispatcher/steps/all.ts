import { bootloaderLinux } from './bootloader-linux.ts'
import { configDrive } from './config-drive.ts'
import { imageLinux } from './image-linux.ts'
import { partition } from './partition.ts'
import type { Step } from './step.ts'

/** Every step of this program; each has a Quadlet of its name in assets/quadlets (a test compares). */
export const STEPS: readonly Step[] = [partition, imageLinux, bootloaderLinux, configDrive]
