import { beforeAll, expect, test } from 'vitest'
import { linuxRecipe } from '../lab/site.ts'
import { testSite } from '../lab/test-site.ts'

const MINUTE = 60_000

const lab = testSite('install')
let reference = ''

beforeAll(async () => {
  reference = await lab.site.pushOsImage()
}, 15 * MINUTE)

/** What the BMC was told to do to the power, since it was told so last. */
function resets(from: number): readonly string[] {
  return lab.site.bmc.log.resets.slice(from)
}

/** Every kind of file system; script/demo has the layout of most servers, with ext4. */
const LAYOUT = [
  { size: '128MiB', format: 'vfat', mountpoint: '/boot/efi', label: 'ESP' },
  { size: '128MiB', format: 'swap', label: 'swap' },
  { size: '256MiB', format: 'btrfs', mountpoint: '/srv', label: 'srv' },
  { size: '100%', format: 'xfs', mountpoint: '/', label: 'root' },
]
/** cloud-init's last stage tells what the system has mounted. */
const USER_DATA = `#cloud-config
hostname: installed-by-recipe
runcmd:
  - (findmnt -n -o FSTYPE /; findmnt -n -o FSTYPE /srv; swapon --noheadings --show=NAME; echo mounts told) >/dev/ttyS0
`

test(
  'a server is installed although the controller is killed while it installs, and its disk boots with the hostname of its user-data',
  async () => {
    const before = lab.site.bmc.log.resets.length
    const recipe = linuxRecipe(reference, { partition_layout: LAYOUT, user_data: USER_DATA })
    const id = await lab.site.createJob(recipe)
    await lab.site.until(id, ({ phase }) => phase === 'running:image-linux', 5 * MINUTE)
    await lab.site.controller.crash()
    const job = await lab.site.until(id, ({ status }) => status === 'complete', 10 * MINUTE)

    expect(job, job.message ?? '').toMatchObject({ outcome: 'success', failed_step: null })
    expect(job.events.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        'mounting',
        'booting',
        'volume header read',
        'boot record read',
        'boot partition read',
        'kernel is being read',
        'root image is being read',
        'task medium is being read',
        'dispatching',
        'running:partition',
        'running:image-linux',
        'running:bootloader-linux',
        'running:config-drive',
        'succeeded',
        'complete',
      ]),
    )
    // On once into the maintenance OS, off, on once into the installed system: never in between.
    expect(resets(before)).toEqual(['On', 'ForceOff', 'On'])
    expect(lab.site.bmc.images()).toEqual({ Cd1: undefined, Cd2: undefined })
    await lab.site.vm.waitForConsole(/installed-by-recipe login:/, 5 * MINUTE)
    await lab.site.vm.waitForConsole(/^xfs\s+btrfs\s+\/dev\/vda2\s+mounts told/m, 5 * MINUTE)
  },
  20 * MINUTE,
)
