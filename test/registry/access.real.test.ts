import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Registry } from '../../src/registry/registry.ts'
import { openRegistry } from '../../src/registry/registry.ts'
import type { RunningServer } from '../../src/shared/http-server.ts'
import { startServer } from '../../src/shared/http-server.ts'
import { systemClock } from '../../src/shared/time.ts'
import { loadOrCreateTls } from '../../src/shared/tls.ts'
import { labScratch } from '../lab/cache.ts'
import { mustInTools } from '../lab/programs.ts'
import { HTPASSWD } from './access/people.ts'
import { silent } from './support/open-registry.ts'

/* Debian's clients, logged in and not, over HTTP and TLS, with the bearer and the basic scheme. */

const OPEN_PULL = `
htpasswd: people
rules:
  - { repositories: ['**'], who: [anonymous], allow: [pull] }
  - { repositories: ['team/**'], who: ['user:carla'], allow: [push, delete] }
`
const CLOSED = `
htpasswd: people
rules:
  - { repositories: ['team/**'], who: ['user:carla'], allow: [pull, push, delete] }
  - { repositories: ['team/docs'], who: ['user:dave'], allow: [pull] }
`
const SMALL = `${OPEN_PULL}quotas: [{ prefix: team, bytes: 1MiB }]\n`
const ONE_DOWNLOAD = `${OPEN_PULL}limits: { downloads: 1 }\n`

interface Site {
  readonly host: string
  readonly tls: boolean
  readonly registry: Registry
  readonly server: RunningServer
  /** Resolves when the registry has refused a request with 429. */
  readonly refused: Promise<void>
}

let directory: string
let caFile: string
const sites = new Map<string, Site>()

beforeAll(async () => {
  directory = await labScratch('access')
  await writeFile(join(directory, 'people'), HTPASSWD)
  const material = await loadOrCreateTls(join(directory, 'tls'), ['127.0.0.1'], systemClock)
  caFile = join(directory, 'tls', 'ca.pem')
  for (const [name, policy] of Object.entries({
    open: OPEN_PULL,
    closed: CLOSED,
    'one-download': ONE_DOWNLOAD,
    small: SMALL,
  })) {
    for (const tls of [false, true])
      sites.set(`${name} ${tls}`, await startSite(name, policy, tls ? material : undefined))
  }
})

async function startSite(name: string, policy: string, tls?: { key: string; cert: string }): Promise<Site> {
  const policyFile = join(directory, `${name}.yaml`)
  await writeFile(policyFile, policy)
  const root = join(directory, `${name}-${tls === undefined ? 'http' : 'tls'}`)
  const registry = await openRegistry({ root, log: silent, clock: systemClock, policyFile })
  const { promise: refused, resolve } = Promise.withResolvers<void>()
  const server = await startServer({
    fetch: (request, env) => registry.app.fetch(request, env),
    direct(incoming, outgoing) {
      outgoing.once('finish', () => outgoing.statusCode === 429 && resolve())
      return registry.direct(incoming, outgoing)
    },
    listen: { host: '127.0.0.1', port: 0 },
    log: silent,
    ...(tls && { tls }),
  })
  return { host: `127.0.0.1:${server.port}`, tls: tls !== undefined, registry, server, refused }
}

afterAll(async () => {
  for (const { server, registry } of sites.values()) {
    await server.close()
    await registry.close()
  }
  await rm(directory, { recursive: true, force: true })
})

function site(name: string, tls: boolean): Site {
  const found = sites.get(`${name} ${tls}`)
  if (found === undefined) throw new Error(`no site ${name}`)
  return found
}

/**
 * Runs `script` in an empty directory. $R is the registry; `$V`, `$SV`, `$DV`, `$O` and `$OCP` the options with which podman, skopeo
 * (source, destination), oras and `oras cp` speak to it: the CA lies in certs.d, as an operator would install it.
 */
async function sh({ host, tls }: Site, script: string): Promise<string> {
  const path = await mkdtemp(join(directory, 'work-'))
  const ca = `/etc/containers/certs.d/${host}/ca.crt`
  const binds = [
    { host: path, inside: '/job' },
    { host: caFile, inside: ca, readonly: true },
  ]
  const [V, SV, DV, O, OCP] = tls
    ? ['', '', '', `--ca-file ${ca}`, `--from-ca-file ${ca} --to-ca-file ${ca}`]
    : [
        '--tls-verify=false',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        '--plain-http',
        '--from-plain-http --to-plain-http',
      ]
  const env = { R: host, V, SV, DV, O, OCP, TMPDIR: '/job', REGISTRY_AUTH_FILE: '/job/auth.json' }
  return mustInTools(['sh', '-euc', `${PODMAN}${script}`], { binds, cwd: '/job', env, cgroup: true })
}

/** `must_fail COMMAND…` prints what the command says and wants it to fail. */
const PODMAN = `
  export STORAGE_DRIVER=vfs
  podman() { command podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs "$@"; }
  must_fail() { if "$@" 2>&1; then echo "UNEXPECTED SUCCESS: $*"; exit 1; fi; }
  make_image() {
    mkdir -p root/etc; echo hello >root/etc/greeting; tar -C root -cf layer.tar .
    podman import -q layer.tar localhost/made:v1 >/dev/null
  }
`

const BOTH = [
  ['HTTP', false],
  ['TLS', true],
] as const

test.for(BOTH)(
  'podman over %s: everybody pulls, who logged in pushes, a wrong password is refused',
  async ([, tls]) => {
    const out = await sh(
      site('open', tls),
      `make_image
     must_fail podman login $V -u carla -p wrong $R
     must_fail podman push -q $V --retry 0 localhost/made:v1 $R/team/app:v1
     podman login $V -u carla -p secret-c $R
     podman push -q $V localhost/made:v1 $R/team/app:v1
     must_fail podman push -q $V --retry 0 localhost/made:v1 $R/elsewhere/app:v1
     podman logout $R
     podman rmi -f localhost/made:v1 >/dev/null
     podman pull -q $V $R/team/app:v1 && echo pulled by nobody
     must_fail podman push -q $V --retry 0 $R/team/app:v1 $R/team/app:v2
     podman search $V $R/`,
    )
    expect(out).toContain('Login Succeeded')
    expect(out).toMatch(/invalid username\/password/)
    expect(out).toMatch(/denied|unauthorized|authentication required/)
    expect(out).toContain('pulled by nobody')
    expect(out).toContain('team/app')
  },
)

test.for(BOTH)('podman over %s, nothing open: the basic scheme, and rules by person', async ([, tls]) => {
  const out = await sh(
    site('closed', tls),
    `make_image
     must_fail podman pull -q $V --retry 0 $R/team/app:v1
     must_fail podman login $V -u carla -p wrong $R
     podman login $V -u carla -p secret-c $R
     podman push -q $V localhost/made:v1 $R/team/app:v1
     podman push -q $V localhost/made:v1 $R/team/docs:v1
     podman search $V $R/
     podman login $V -u dave -p secret-d $R
     podman pull -q $V $R/team/docs:v1 && echo dave pulled
     echo AS DAVE
     podman search $V $R/
     must_fail podman pull -q $V --retry 0 $R/team/app:v1
     must_fail podman push -q $V --retry 0 localhost/made:v1 $R/team/docs:v2`,
  )
  const [before, after] = out.split('AS DAVE')
  expect(before).toContain('team/app')
  expect(before).toContain('dave pulled')
  expect(after).toContain('team/docs')
  expect(after).toMatch(/denied/)
})

test.for(BOTH)(
  'skopeo over %s copies with credentials on its command line, mounts across, deletes',
  async ([, tls]) => {
    for (const name of ['open', 'closed']) {
      const out = await sh(
        site(name, tls),
        `make_image
       podman push -q localhost/made:v1 oci:layout:v1
       skopeo copy -q $DV --dest-creds carla:secret-c oci:layout:v1 docker://$R/team/one:v1
       skopeo copy -q $SV $DV --src-creds carla:secret-c --dest-creds carla:secret-c docker://$R/team/one:v1 docker://$R/team/two:v1
       must_fail skopeo copy -q $DV --retry-times 0 --dest-creds carla:wrong oci:layout:v1 docker://$R/team/one:v2
       must_fail skopeo copy -q $DV --dest-creds dave:secret-d oci:layout:v1 docker://$R/team/one:v2
       must_fail skopeo delete $V docker://$R/team/two:v1
       skopeo delete $V --creds carla:secret-c docker://$R/team/two:v1 && echo deleted
       skopeo list-tags $V --creds carla:secret-c docker://$R/team/one`,
      )
      expect(out).toContain('deleted')
      expect(out).toContain('"v1"')
      expect(out).not.toContain('"v2"')
    }
  },
)

test.for(BOTH)('oras over %s logs in, pushes, copies, lists; without a login it only pulls', async ([, tls]) => {
  const out = await sh(
    site('open', tls),
    `export HOME=/job
     echo content >file
     must_fail oras push $O $R/team/files:v0 file:text/plain
     must_fail oras login $O -u carla -p wrong $R
     oras login $O -u carla -p secret-c $R
     oras push $O $R/team/files:v1 file:text/plain >/dev/null
     echo signed >signature
     oras attach $O $R/team/files:v1 --artifact-type application/x-signature signature >/dev/null
     oras cp $OCP $R/team/files:v1 $R/team/copy:v1 >/dev/null
     oras repo ls $O $R
     oras logout $R
     mkdir back && oras pull $O -o back $R/team/copy:v1 >/dev/null && cat back/file
     must_fail oras tag $O $R/team/files:v1 v2`,
  )
  expect(out).toContain('Login Succeeded')
  expect(out).toMatch(/^content$/m)
  expect(out).toMatch(/^team\/copy$/m)
  expect(out).toMatch(/401|[Uu]nauthorized/)
})

test('podman and skopeo show what a full quota says, and what fits is taken', async () => {
  const out = await sh(
    site('small', false),
    `head -c 3000000 /dev/urandom >large
     mkdir -p root; cp large root/; tar -C root -cf layer.tar .
     podman import -q layer.tar localhost/large:v1 >/dev/null
     podman login $V -u carla -p secret-c $R
     must_fail podman push -q $V --retry 0 localhost/large:v1 $R/team/large:v1
     podman push -q localhost/large:v1 oci:layout:v1
     must_fail skopeo copy -q $DV oci:layout:v1 docker://$R/team/large:v1
     rm -r root && make_image
     podman push -q $V localhost/made:v1 $R/team/small:v1`,
  )
  expect(out.match(/the quota of \\?"team\\?" is 1.0 MiB/g)?.length).toBeGreaterThanOrEqual(2)
})

test('podman that is told 429 waits as long as Retry-After says, and then has its image', async () => {
  const busy = site('one-download', false)
  await sh(
    busy,
    `export HOME=/job
     head -c 67108864 /dev/zero >large
     oras login $O -u carla -p secret-c $R
     oras push $O $R/team/large:v1 large:application/octet-stream >/dev/null
     make_image
     podman push -q $V --creds carla:secret-c localhost/made:v1 $R/team/app:v1`,
  )
  // A download that stands still holds the only place until podman has been refused.
  const digest = 'sha256:3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351'
  const holder = get(`http://${busy.host}/v2/team/large/blobs/${digest}`)
  const [answer] = (await once(holder, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  const pulling = sh(busy, `podman pull -q $V --retry 0 $R/team/app:v1 && echo pulled`)
  await busy.refused
  holder.destroy()
  expect(await pulling).toContain('pulled')
})
