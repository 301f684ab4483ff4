import { generateKeyPairSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { mbrDisk } from '../../dispatcher/imaging/disk-bytes.ts'
import { type Answers, artifact } from '../boot/artifacts.ts'
import type { Scenario } from '../boot/boot.ts'
import { type FailureCase, failing, IMAGE_STEPS } from './case.ts'
import { LSBLK } from './disk.ts'

const MIB = 1 << 20
// Undefined fields are not in the JSON on the medium.
const RECIPE = { task_target: 'install-image.target', target_disk: '/dev/vdzz', partition_layout: undefined }
const KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString()

const image = (layer: Buffer, sent?: Buffer) => artifact('os/debian', '13', layer, sent)
/** Of a bootable size, with something in its partition. */
const disk = (mib: number) => mbrDisk(mib * MIB, 2048, (mib - 1) * 2048).fill('x', MIB)
const GOOD = image(disk(2))

export const IMAGE_CASES: readonly FailureCase[] = [
  ...IMAGE_STEPS.map((step) =>
    failing(
      IMAGE_STEPS,
      step,
      `${step} ends with an error`,
      { recipe: RECIPE, steps: { [step]: 'echo "cannot go on"; exit 1' } },
      [`${step}.service failed with exit code 1`, 'cannot go on'],
    ),
  ),
  imageDisk('the image has no partition table', image(Buffer.alloc(MIB)), {}, [
    'Cannot write the image: it has no partition table, so it is no image of a whole disk',
  ]),
  imageDisk('nobody has signed the image', GOOD, { recipe: { verify: { public_key: KEY } } }, ['has no signature']),
  imageDisk('the registry sends other bytes than it promised', image(disk(2), disk(2).fill('y', MIB)), {}, [
    'the registry sent other bytes',
  ]),
  imageDisk('the registry is gone in the middle of the image', GOOD, { cut: true }, [
    'no byte came for 600 s',
    'connect ECONNREFUSED 127.0.0.1:8098',
  ]),
  imageDisk('the disk fails in the middle of the image', image(gzipSync(disk(24))), { failingDisk: true }, [
    'Cannot write /dev/vdzz: EIO: i/o error',
  ]),
]

function imageDisk(
  when: string,
  registry: Answers,
  { recipe, ...more }: Scenario,
  says: readonly string[],
): FailureCase {
  const programs = { lsblk: LSBLK, sgdisk: 'true' }
  return failing(
    IMAGE_STEPS,
    'image-disk',
    `image-disk runs and ${when}`,
    { ...more, registry, programs, recipe: { ...RECIPE, ...recipe } },
    says,
  )
}
