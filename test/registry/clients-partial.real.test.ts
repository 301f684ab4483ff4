import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Registry } from '../../src/registry/registry.ts'
import { mustInTools } from '../lab/programs.ts'
import type { LabRegistry } from './support/lab-registry.ts'
import { startLabRegistry } from './support/lab-registry.ts'

/* podman's partial pulls of zstd:chunked layers by many ranges in one request, and containerd's own client. */

let lab: LabRegistry
let directory: string
let registry: Registry
let host: string

beforeAll(async () => {
  lab = await startLabRegistry({ tls: false })
  ;({ directory, registry, host } = lab)
})

afterAll(() => lab?.close())

async function sh(name: string, script: string): Promise<string> {
  const path = join(directory, name)
  await mkdir(path, { recursive: true })
  const binds = [{ host: path, inside: '/job' }]
  const env = { R: host, TMPDIR: '/job' }
  return mustInTools(['sh', '-euc', script], { binds, cwd: '/job', env, cgroup: true })
}

async function sentBytes(): Promise<number> {
  return Number(/^provisioner_registry_sent_bytes_total (\d+)$/m.exec(await registry.metrics())?.[1])
}

/** Files of a system image: many that stay, some that change. */
async function writeTree(tree: string, changed: number): Promise<void> {
  await mkdir(tree, { recursive: true })
  for (let index = 0; index < 200; index++) {
    if (changed === 0 || index % 20 === 0) await writeFile(join(tree, `file-${index}`), randomBytes(50_000))
  }
}

const PODMAN = `
  podman() { command podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs "$@"; }
  export CONTAINERS_STORAGE_CONF=/job/storage.conf`

const PUSH = `${PODMAN}
  podman push -q --tls-verify=false --compression-format zstd:chunked --force-compression localhost/made:$V docker://$R/partial/app:$V`

test('a changed zstd:chunked layer moves fewer bytes than it has', async () => {
  const path = join(directory, 'partial')
  await writeTree(join(path, 'tree'), 0)
  await writeFile(
    join(path, 'storage.conf'),
    '[storage]\ndriver = "overlay"\n[storage.options]\npull_options = {enable_partial_images = "true", use_hard_links = "false", ostree_repos = ""}\n',
  )
  const make = (tag: string) => `
    V=${tag}
    tar -C tree --sort=name --owner=0 --group=0 -cf layer.tar .
    podman import -q layer.tar localhost/made:${tag} >/dev/null`
  await sh('partial', `${PODMAN}\n${make('v1')}\n${PUSH}`)
  await writeTree(join(path, 'tree'), 1)
  await sh('partial', `${PODMAN}\n${make('v2')}\n${PUSH}\npodman rmi -fa >/dev/null; rm -rf storage run`)

  await sh('partial', `${PODMAN}\npodman pull -q --tls-verify=false $R/partial/app:v1`)
  const before = await sentBytes()
  await sh('partial', `${PODMAN}\npodman pull -q --tls-verify=false $R/partial/app:v2`)
  const moved = (await sentBytes()) - before
  const size = await sh(
    'partial',
    `skopeo inspect --raw --tls-verify=false docker://$R/partial/app:v2 | jq '[.layers[].size] | add'`,
  )
  expect(moved).toBeGreaterThan(0)
  // A twentieth of the files changed; the rest of what moves is the layer's table of contents.
  expect(moved).toBeLessThan(Number(size) / 4)
})

test('ctr of containerd pulls, tags and pushes', async () => {
  const out = await sh(
    'ctr',
    `export STORAGE_DRIVER=vfs
     mkdir -p root/etc; echo hello >root/etc/greeting; tar -C root -cf layer.tar .
     podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs import -q layer.tar localhost/made:v1 >/dev/null
     podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs push -q --tls-verify=false localhost/made:v1 docker://$R/ctr/app:v1
     mkdir -p data state
     printf 'version = 2\\nroot = "/job/data"\\nstate = "/job/state"\\n[grpc]\\n  address = "/run/c.sock"\\n' >config.toml
     containerd --config config.toml >containerd.log 2>&1 &
     for _ in $(seq 100); do ctr --address /run/c.sock version >/dev/null 2>&1 && break; sleep 0.1; done
     ctr="ctr --address /run/c.sock"
     $ctr content fetch --plain-http $R/ctr/app:v1 >/dev/null
     $ctr images tag $R/ctr/app:v1 $R/ctr/copy:v1 >/dev/null
     $ctr images push --plain-http $R/ctr/copy:v1 >/dev/null
     skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://$R/ctr/app:v1
     skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://$R/ctr/copy:v1`,
  )
  const [pulled, pushed] = out.match(/sha256:[0-9a-f]{64}/g) ?? []
  expect(pulled).toBeDefined()
  expect(pushed).toBe(pulled)
})
