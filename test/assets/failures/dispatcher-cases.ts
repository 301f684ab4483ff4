import { generateKeyPairSync } from 'node:crypto'
import type { Scenario } from '../boot/boot.ts'
import { type FailureCase, LINUX_STEPS } from './case.ts'

const DISPATCHER = 'provision-dispatcher.service'
const OTHER_KEY = generateKeyPairSync('ed25519').privateKey
const DISPATCH = '/usr/sbin/provisioner dispatch --no-start --serial SN123'

/** The dispatcher ends with its own exit codes (docs/contracts.md section 5); no step begins. */
export const DISPATCHER_CASES: readonly FailureCase[] = [
  silent(
    'there is no task medium (exit code 10)',
    { dispatcher: `${DISPATCH} --medium /usr/sbin/provisioner` },
    'Cannot find a task medium',
  ),
  silent(
    'the task medium has no job.json (exit code 11)',
    { medium: { before: (files) => void files.delete('job.json') } },
    'Cannot use the task medium: it has no job.json',
  ),
  reported(
    'the schema on the medium is not usable (exit code 12)',
    { medium: { before: (files) => void files.set('recipe.schema.json', Buffer.from('{"type": 7}')) } },
    'Cannot check the recipe: the schema on the medium is not usable',
  ),
  reported(
    'the recipe is no document (exit code 13)',
    { medium: { recipe: '{"task_target": ' } },
    'Cannot read the recipe',
  ),
  reported('the recipe is not valid (exit code 14)', { recipe: { target_disk: '/dev/vda1' } }, '/target_disk: '),
  reported(
    'the dispatcher cannot write (exit code 15)',
    {
      dispatcher: `/usr/bin/unshare --mount /bin/bash -c "mkdir -p /run/provision/secrets/webhook-secret/x && exec ${DISPATCH} --medium /t/task.iso"`,
    },
    'Cannot write to /run/provision',
  ),
  reported(
    'the image has no such target (exit code 16)',
    { recipe: { task_target: 'dance.target' } },
    'Unit dance.target not found',
  ),
  reported(
    'a step of the target is not in the image',
    { missing: ['image-linux.container'] },
    'image-linux.service not found',
  ),
  reported('a step of the target is masked', { masked: ['image-linux.service'] }, 'image-linux.service is masked'),
  silent(
    'the dispatcher is not root (exit code 17)',
    { dispatcher: '/usr/bin/setpriv --reuid 65534 /usr/sbin/provisioner dispatch --medium /t/task.iso' },
    'Cannot dispatch: root rights are needed',
  ),
  reported(
    'the medium is for another server (exit code 18)',
    { serial: 'SN999' },
    'it is for the server "SN123", and this one is "SN999"',
  ),
  reported(
    'a file of the medium was changed (exit code 19)',
    { medium: { after: (files) => void files.set('user-data', Buffer.from('#cloud-config\n')) } },
    '"user-data" was changed after it was signed',
  ),
  reported(
    'no key of the image has signed the medium (exit code 19)',
    { trust: true, medium: { key: OTHER_KEY } },
    'no key of this image has signed it',
  ),
  silent(
    'the dispatcher is killed before it has read the medium',
    { dispatcher: '/bin/bash -c "kill -9 $$$$"' },
    'there is nobody to report to',
  ),
]

function reported(when: string, scenario: Scenario, says: string): FailureCase {
  return { when, scenario, unit: DISPATCHER, steps: LINUX_STEPS, began: [], says: [says] }
}

/** Without a job.json there is no address and no secret to report with: the screen says why. */
function silent(when: string, scenario: Scenario, says: string): FailureCase {
  return { when, scenario, unit: 'none', steps: LINUX_STEPS, began: [], says: [says] }
}
