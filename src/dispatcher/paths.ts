import { join } from 'node:path'

/** Where the maintenance OS keeps what it knows of its job; a tmpfs, so it dies with the boot. */
export const RUN_DIRECTORY = '/run/provision'

/**
 * Everything below the run directory (docs/contracts.md section 5):
 *
 *     task/          0700  the task medium, file by file
 *     recipe.env     0644  scalars for systemd EnvironmentFile= and podman --env-file, no secrets
 *     layout.json    0644  partition_layout
 *     build-info.json
 *     user-data meta-data network-config unattend.xml ks.cfg   0600, verbatim
 *     secrets/       0700  webhook-secret, registry-auth.json
 *     certificates/  0755  controller.crt, for podman
 *     state/         0755  dispatcher.json, erased-disk.json, STEP.json, STEP.progress.json, STEP.done,
 *                          final.json, final.sent
 *     earlier/N/     0755  the state of another task of this boot
 */
export function runPaths(runDirectory: string) {
  const state = join(runDirectory, 'state')
  return {
    root: runDirectory,
    task: join(runDirectory, 'task'),
    environment: join(runDirectory, 'recipe.env'),
    secrets: join(runDirectory, 'secrets'),
    certificates: join(runDirectory, 'certificates'),
    state,
    earlier: join(runDirectory, 'earlier'),
    dispatcher: join(state, 'dispatcher.json'),
    /** The outcome of this boot: whoever creates it first decides. */
    final: join(state, 'final.json'),
    finalSent: join(state, 'final.sent'),
    /** Which disk this boot has begun to erase. */
    erased: join(state, 'erased-disk.json'),
    step: (name: string) => join(state, `${name}.json`),
    /** What the step has told last. */
    stepProgress: (name: string) => join(state, `${name}.progress.json`),
    /** There when the step is done: units can look at a name only. */
    stepDone: (name: string) => join(state, `${name}.done`),
  }
}

export type RunPaths = ReturnType<typeof runPaths>

/** The unit whose failure means that no step was started. */
export const DISPATCHER_UNIT = 'provision-dispatcher.service'
