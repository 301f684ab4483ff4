import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exportContext } from '../../src/maintenance/export.ts'
import { writeMedium } from './boot-parts.ts'
import { cached, contentKey, labScratch } from './cache.ts'
import { containerfileScript, dracutLine } from './containerfile.ts'
import { type Bind, mustInTools } from './programs.ts'
import { debianRoot } from './roots/roots.ts'

export interface MaintenanceParts {
  /** `dist/provisioner`, or any program in its place. */
  readonly executable: string
  /** PEM public key the dispatcher trusts task media by. */
  readonly trustKey?: Uint8Array
  /** PEM certificate of a CA that the whole system trusts. */
  readonly caPem?: Uint8Array
  /** False: the image of the steps is not in the medium and has to be pulled. */
  readonly embedTools?: boolean
  /** Changes the build context of the image. */
  readonly change?: (context: string) => Promise<void>
}

/** The image name the Quadlets of the steps use; it is in the medium, and nothing is pulled. */
export const STEP_IMAGE = 'localhost/provisioner-tools:1'

/**
 * Serial console, and no work that only costs time under emulation. `gpt_auto=no`: nothing on a disk is mounted by itself,
 * least of all on the disk that is about to be overwritten.
 */
export const COMMAND_LINE = [
  'console=ttyS0 quiet systemd.show_status=yes systemd.gpt_auto=no',
  'mitigations=off nokaslr apparmor=0 audit=0 random.trust_cpu=on',
  // On a busy host an emulated timer may tick too late for the kernel's check of it, which ends in a panic.
  'no_timer_check',
].join(' ')

/** The lab's initrd finds its medium by it. */
export const LABEL = 'PROVISIONER_MAINTENANCE'

const SCRIPTS = join(import.meta.dirname, 'roots')

/**
 * Path of a bootable maintenance ISO for the lab's virtual machine (UEFI, serial console), cached by content. Debian base,
 * step image, initrd and kernel are built once; a change of executable, units or key rebuilds the top layer and the ISO.
 */
export async function maintenanceIso(parts: MaintenanceParts): Promise<string> {
  const [root, programs] = await Promise.all([debianRoot('maintenance'), debianRoot('tools')])
  const [base, store, initrd, top] = await Promise.all([baseImage(), storeImage(), initrdImage(), topImage(parts)])
  const tools = parts.embedTools === false ? {} : { '20-step-image.erofs': store }
  const layers = { '10-base.erofs': base, ...tools, '30-provisioner.erofs': top }
  return cached({
    name: 'maintenance-iso',
    ending: '.iso',
    ingredients: [
      ...[root, programs, initrd, ...Object.values(layers)].map((path) => basename(path)),
      ...[COMMAND_LINE, LABEL, await contentKey(join(import.meta.dirname, 'boot-parts.ts'))],
      await contentKey(join(import.meta.dirname, '../../src/isobuilder')),
    ],
    build: (partial) =>
      writeMedium({ root, tools: programs, initrd, commandLine: COMMAND_LINE, layers }, LABEL, partial),
  })
}

/** Builds everything that does not depend on the repository's own code, so that a first demo shows what takes its time. */
export async function prepareMaintenance(): Promise<void> {
  await Promise.all([baseImage(), storeImage(), initrdImage(), debianRoot('target-os')])
}

async function baseImage(): Promise<string> {
  const root = await debianRoot('maintenance')
  const binds = [{ host: root, inside: '/in/root', readonly: true }]
  return scripted('base', '.erofs', 'base-image.sh', [root], binds, (out) => ['/in/root', out])
}

/** The image of the steps as an operator pushes it: an OCI archive with one layer, zstd. */
export async function toolsArchive(): Promise<string> {
  const archive = await debianRoot('tool-image')
  const binds = [{ host: archive, inside: '/in/image.tar', readonly: true }]
  return scripted('tools-archive', '.tar', 'tools-archive.sh', [archive, STEP_IMAGE], binds, (out) => [
    '/in/image.tar',
    STEP_IMAGE,
    out,
  ])
}

async function storeImage(): Promise<string> {
  const archive = await debianRoot('tool-image')
  const binds = [{ host: archive, inside: '/in/image.tar', readonly: true }]
  return scripted('step-image', '.erofs', 'store.sh', [archive, STEP_IMAGE], binds, (out) => [
    '/in/image.tar',
    STEP_IMAGE,
    out,
  ])
}

/** The small initrd of the lab, for the kernel of the maintenance root. */
async function initrdImage(): Promise<string> {
  const root = await debianRoot('maintenance')
  const init = join(SCRIPTS, 'maintenance', 'init')
  const binds = [
    { host: root, inside: '/in/root', readonly: true },
    { host: init, inside: '/in/init', readonly: true },
  ]
  const ingredients = [root, await contentKey(init)]
  return scripted('initrd', '.zst', 'initrd.sh', ingredients, binds, (out) => ['/in/root', '/in/init', out])
}

/** An initramfs of dracut for the kernel of the maintenance root, made as the Containerfile makes it. */
export async function dracutInitramfs(): Promise<string> {
  const root = await debianRoot('maintenance')
  const work = await labScratch('dracut')
  try {
    const line = join(work, 'line')
    await writeFile(line, dracutLine())
    const binds = [
      { host: root, inside: '/in/root', readonly: true },
      { host: line, inside: '/line', readonly: true },
    ]
    return await scripted('dracut', '.img', 'dracut.sh', [root, dracutLine()], binds, (out) => [out])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** What the Containerfile adds to the lab's Debian, made by its own lines from what `maintenance export` writes. */
export async function topImage(parts: MaintenanceParts, ending: '.erofs' | '.tar' = '.erofs'): Promise<string> {
  const lab = join(SCRIPTS, 'maintenance')
  const root = await debianRoot('maintenance')
  const work = await labScratch('context')
  try {
    const { trustKey: taskKey, caPem: ca } = parts
    await exportContext(join(work, 'context'), parts.executable, { taskKey, ca })
    await parts.change?.(join(work, 'context'))
    await writeFile(join(work, 'steps'), containerfileScript())
    const binds = [
      { host: join(lab, 'host'), inside: '/lab', readonly: true },
      { host: join(lab, 'masked'), inside: '/lab-masked', readonly: true },
      { host: join(work, 'context'), inside: '/context', readonly: true },
      { host: join(work, 'steps'), inside: '/steps', readonly: true },
    ]
    const ingredients = [root, ...(await Promise.all(binds.map(({ host }) => contentKey(host))))]
    const all = [...binds, { host: root, inside: '/in/root', readonly: true }]
    return await scripted('provisioner', ending, 'top-image.sh', ingredients, all, (out) => [out])
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** One cached file made by one script of `roots/` in the tools root; `argumentsFor` gets the output's path inside. */
async function scripted(
  name: string,
  ending: string,
  script: string,
  ingredients: readonly string[],
  binds: readonly Bind[],
  argumentsFor: (out: string) => readonly string[],
): Promise<string> {
  const host = join(SCRIPTS, script)
  return cached({
    name,
    ending,
    // Names carry the keys of what they name; the cache's own place is no ingredient.
    ingredients: [await debianRoot('tools'), await contentKey(host), ...ingredients].map((text) =>
      text.startsWith('/') ? basename(text) : text,
    ),
    build: async (partial) => {
      // A directory of its own, so that the script sees nothing else of the cache.
      const work = `${partial}.work`
      await mkdir(work)
      try {
        const out = { host: work, inside: '/out' }
        const all = [...binds, out, { host, inside: '/script', readonly: true }]
        await mustInTools(['bash', '/script', ...argumentsFor(`/out/${name}${ending}`)], {
          binds: all,
          cgroup: true,
          timeoutMs: 600_000,
        })
        await rename(join(work, `${name}${ending}`), partial)
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
  })
}
