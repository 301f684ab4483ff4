import type { CommandRow } from './command.ts'

/** Every role of the executable; `provisioner` alone prints this table. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'serve',
    summary: 'Run the controller: API, jobs, media, and the registry under /v2/',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    name: 'registry',
    summary: 'Run the OCI registry alone; give back space; look for rot',
    load: async () => (await import('./registry.ts')).registry,
  },
  {
    name: 'dispatch',
    summary: 'Run the dispatcher inside the maintenance OS',
    load: async () => (await import('./dispatch.ts')).dispatchCommand,
  },
  {
    name: 'step',
    summary: 'Run one provisioning step inside its container',
    load: async () => (await import('./step.ts')).step,
  },
  {
    name: 'notify',
    summary: 'Send the final webhook of this boot',
    load: async () => (await import('./notify.ts')).notify,
  },
  {
    name: 'collect-logs',
    summary: 'Send the journal of this boot to the controller',
    load: async () => (await import('./collect-logs.ts')).collectLogs,
  },
  {
    name: 'artifact',
    summary: 'Push, pull, copy and list OCI artifacts in any registry, layout or archive',
    load: async () => (await import('./artifact.ts')).artifact,
  },
  {
    name: 'iso',
    summary: 'Create, list, extract and verify ISO9660 images',
    load: async () => (await import('./iso.ts')).iso,
  },
  {
    name: 'maintenance',
    summary: 'Export and build the maintenance OS',
    load: async () => (await import('./maintenance.ts')).maintenance,
  },
  {
    name: 'recipe',
    summary: 'Validate and lint recipes without a controller',
    load: async () => (await import('./recipe.ts')).recipe,
  },
  {
    name: 'server',
    summary: 'Servers and their BMCs',
    load: async () => (await import('./server.ts')).server,
  },
  {
    name: 'job',
    summary: 'Create, list, watch, cancel and retry jobs',
    load: async () => (await import('./job.ts')).job,
  },
  {
    name: 'login',
    summary: 'Keep the address of a controller, its CA and a token',
    load: async () => (await import('./login.ts')).login,
  },
  {
    name: 'logout',
    summary: 'Forget the stored login',
    load: async () => (await import('./login.ts')).logout,
  },
  {
    name: 'user',
    summary: 'People who log in to the controller',
    load: async () => (await import('./user.ts')).user,
  },
  {
    name: 'token',
    summary: 'API tokens of users and services',
    load: async () => (await import('./token.ts')).token,
  },
  {
    name: 'audit',
    summary: 'Who changed what',
    load: async () => (await import('./audit.ts')).audit,
  },
  {
    name: 'keys',
    summary: 'Replace the key that BMC passwords are sealed with',
    load: async () => (await import('./keys.ts')).keys,
  },
  {
    name: 'install',
    summary: 'Install the controller as a systemd service on this host, or upgrade it',
    load: async () => (await import('./install.ts')).install,
  },
  {
    name: 'uninstall',
    summary: 'Take the service off this host',
    load: async () => (await import('./install.ts')).uninstall,
  },
  {
    name: 'backup',
    summary: 'Back up database, keys and registry while running; list and verify backups',
    load: async () => (await import('./backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'Make a data directory of a backup',
    load: async () => (await import('./backup.ts')).restore,
  },
  {
    name: 'docs',
    summary: 'Read the manual on a host without a network',
    load: async () => (await import('./docs.ts')).docs,
  },
  {
    name: 'licenses',
    summary: "Print the project's licence and the notices of everything inside",
    load: async () => (await import('./licenses.ts')).licenses,
  },
  {
    name: 'completion',
    summary: 'Print a shell completion script',
    load: async () => (await import('./completion.ts')).completionOf(COMMANDS),
  },
]
