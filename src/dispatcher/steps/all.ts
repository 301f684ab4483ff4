import { bootloaderLinux } from './bootloader-linux.ts'
import { configDrive } from './config-drive.ts'
import { imageDisk } from './image-disk.ts'
import { imageLinux } from './image-linux.ts'
import { partition } from './partition.ts'
import type { Step } from './step.ts'
import { toolImage } from './tool-image.ts'
import { vendorFirmware } from './vendor-firmware.ts'

/** Every step of this program; each has a Quadlet or a unit of its name in assets (a test compares). */
export const STEPS: readonly Step[] = [
  toolImage,
  partition,
  imageLinux,
  bootloaderLinux,
  imageDisk,
  configDrive,
  vendorFirmware,
]
