import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', 'src')

/** Which area may import which; every area may import itself. Types count. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  shared: [],
  // The checker shares nothing with the writer and the reader, or it would misread what they misread.
  'isobuilder/lint': ['shared'],
  isobuilder: ['shared'],
  oci: ['shared'],
  'registry/mirror': ['shared', 'oci', 'registry'],
  maintenance: ['shared', 'isobuilder', 'oci'],
  registry: ['shared', 'registry/mirror'],
  dispatcher: ['shared', 'isobuilder', 'oci'],
  simulators: ['shared', 'isobuilder', 'dispatcher'],
  client: ['shared', 'commands/command.ts'],
  'server/jobs': ['shared'],
  'server/redfish': ['shared', 'server/jobs/bmc-ports.ts', 'server/jobs/bmc-refusal.ts'],
  'server/store': [
    'shared',
    'server/jobs/bmc-ports.ts',
    'server/jobs/machine.ts',
    'server/jobs/ports.ts',
    'server/keys.ts',
  ],
  'server/accounts': ['shared', 'server/store/tokens.ts', 'server/store/users.ts'],
  'server/http': ['shared', 'server/store/tokens.ts', 'server/jobs/machine.ts'],
  'server/media': ['shared', 'isobuilder', 'server/jobs'],
  'server/doctor': [
    'shared',
    'isobuilder',
    'server/jobs/bmc-ports.ts',
    'server/jobs/bmc-refusal.ts',
    'server/jobs/ports.ts',
    'server/media/medium.ts',
  ],
  'server/simulated.ts': ['shared', 'simulators', 'server/jobs/bmc-ports.ts'],
  'server/bmcs.ts': ['shared', 'server'],
  'server/routes': [
    'shared',
    'server/doctor',
    'server/http',
    'server/jobs',
    'server/media/medium.ts',
    'server/store/audit.ts',
    'server/store/tokens.ts',
    'server/store/users.ts',
  ],
  'server/keys.ts': ['shared', 'server/jobs/ports.ts'],
  'server/registry-access.ts': ['shared', 'registry', 'server/accounts', 'server/jobs', 'server/store/tokens.ts'],
  'server/metrics-table.ts': ['shared'],
  'server/process-meters.ts': ['shared'],
  'server/metrics.ts': [
    'shared',
    'server/http/meter-requests.ts',
    'server/jobs/machine.ts',
    'server/media/medium.ts',
    'server/metrics-table.ts',
    'server/process-meters.ts',
  ],
  'server/service-manager.ts': ['shared'],
  'server/readiness.ts': ['shared', 'registry', 'server/media/medium.ts'],
  'server/addresses.ts': ['shared', 'config.ts'],
  'server/listeners.ts': ['shared', 'config.ts'],
  'server/live-settings.ts': ['shared', 'config.ts', 'server/jobs'],
  'server/first-token.ts': ['shared', 'server/store/tokens.ts'],
  'server/rotate-key.ts': ['shared', 'config.ts', 'server/keys.ts', 'server/store'],
  'server/remove-data.ts': ['shared', 'config.ts', 'server/store'],
  'server/app.ts': ['shared', 'registry', 'server'],
  'server/compose.ts': ['shared', 'config.ts', 'registry', 'server'],
  backup: ['shared', 'config.ts', 'registry/control.ts', 'registry/storage'],
  install: ['shared', 'commands/command.ts'],
  'config.ts': ['shared', 'commands/command.ts'],
  commands: [
    'shared',
    'config.ts',
    'client',
    'isobuilder',
    'maintenance',
    'oci',
    'registry',
    'dispatcher',
    'server/addresses.ts',
    'server/compose.ts',
    'server/remove-data.ts',
    'server/rotate-key.ts',
    'server/service-manager.ts',
    'backup',
    'install',
    'server/routes/schemas.ts',
    'server/routes/views.ts',
  ],
  'main.ts': ['shared', 'commands'],
}

/** The command line is main.ts's; a child's environment and the places for a native addon are process facts too. */
const MAY_SEE_PROCESS = ['main.ts', 'shared/exec.ts', 'shared/native-addon.ts']

const files = globSync('**/*.ts', { cwd: ROOT }).sort()

function importsOf(file: string): string[] {
  const source = readFileSync(join(ROOT, file), 'utf8')
  const statics = [...source.matchAll(/^(?:import|export)\s[^'"]*?from '(\.[^']+)'/gm)].map((match) => match[1] ?? '')
  const lazy = [...source.matchAll(/import\('(\.[^']+)'\)/g)].map((match) => match[1] ?? '')
  return [...statics, ...lazy].map((target) => relative(ROOT, join(ROOT, dirname(file), target)))
}

function areaOf(file: string): string {
  return Object.keys(MAY_IMPORT).find((area) => file === area || file.startsWith(`${area}/`)) ?? file
}

test.for(files)('%s imports only what its area may', (file) => {
  const area = areaOf(file)
  const allowed = MAY_IMPORT[area]
  expect(allowed, `add "${area}" to MAY_IMPORT`).toBeDefined()
  for (const target of importsOf(file)) {
    const fits = areaOf(target) === area || allowed?.some((name) => target === name || target.startsWith(`${name}/`))
    expect(fits, `${file} → ${target}`).toBe(true)
  }
})

test('there are no import circles', () => {
  const done = new Set<string>()
  function visit(file: string, path: readonly string[]): void {
    expect(path, [...path, file].join(' → ')).not.toContain(file)
    if (done.has(file)) return
    for (const target of importsOf(file)) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test.for(files)('%s is at most 300 lines', (file) => {
  expect(readFileSync(join(ROOT, file), 'utf8').split('\n').length).toBeLessThanOrEqual(301)
})

test.for(files)('%s asks the system for time, randomness or the process only where that is its job', (file) => {
  const source = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
  if (file !== 'shared/time.ts')
    expect(source).not.toMatch(/\bnew Date\(\)|\bDate\.now\(\)|(?<![.\w])setTimeout\(|\bMath\.random\(/)
  if (!MAY_SEE_PROCESS.includes(file)) expect(source).not.toMatch(/\bprocess\.(argv|env|exit|exitCode)\b/)
})

test.for(files)('%s decompresses zstd by zstd-napi only', (file) => {
  // node:zlib of Node 24 stops after the first frame of concatenated input, without an error.
  const source = readFileSync(join(ROOT, file), 'utf8')
  expect(source).not.toMatch(
    /\b(createZstd|zstdDecompress|zstdCompress|ZstdDecompress)\w*\b.*node:zlib|import \{[^}]*[zZ]std[^}]*\} from 'node:zlib'/,
  )
})
