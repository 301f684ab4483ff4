import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sha256 } from '../../src/shared/digest.ts'
import { mustInTools } from '../lab/programs.ts'
import type { LabRegistry } from './support/lab-registry.ts'
import { startLabRegistry } from './support/lab-registry.ts'

/* The clients people use, as Debian ships them, against the registry over plain HTTP on the loopback interface. */

let lab: LabRegistry
let directory: string
let host: string

beforeAll(async () => {
  lab = await startLabRegistry({ tls: false })
  ;({ directory, host } = lab)
})

afterAll(() => lab?.close())

/** A directory that the programs see as /job; `script` runs in it, with the registry as $R. */
async function sh(name: string, script: string, files: Record<string, Uint8Array | string> = {}) {
  const path = join(directory, name)
  await mkdir(path, { recursive: true })
  for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content)
  const binds = [{ host: path, inside: '/job' }]
  const options = { binds, cwd: '/job', env: { R: host, TMPDIR: '/job' }, cgroup: true }
  const out = await mustInTools(['sh', '-euc', script], options)
  return { out, path }
}

/** Makes an image of one layer in containers/storage's own directory, by the name localhost/made:v1. */
const MAKE_IMAGE = `
  export STORAGE_DRIVER=vfs
  podman() { command podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs "$@"; }
  mkdir -p root/etc; echo hello >root/etc/greeting; tar -C root -cf layer.tar .
  podman import -q layer.tar localhost/made:v1 >/dev/null`

test('oras pushes a file and pulls it back, lists, tags and attaches', async () => {
  const content = randomBytes(5 << 20)
  const { out, path } = await sh(
    'oras',
    `oras push --plain-http $R/files/disk:v1 --artifact-type application/vnd.diskimage.raw disk.img:application/octet-stream
     echo signed >signature
     oras attach --plain-http $R/files/disk:v1 --artifact-type application/x-signature signature
     oras tag --plain-http $R/files/disk:v1 stable
     mkdir back && oras pull --plain-http -o back $R/files/disk:stable
     oras discover --plain-http --artifact-type application/x-signature --format json $R/files/disk:v1
     oras repo tags --plain-http $R/files/disk
     oras repo ls --plain-http $R
     oras cp --from-plain-http --to-plain-http $R/files/disk:v1 $R/files/copy:v1`,
    { 'disk.img': content },
  )
  expect(sha256(await readFile(join(path, 'back', 'disk.img')))).toBe(sha256(content))
  expect(out).toContain('application/x-signature')
  expect(out).toMatch(/^stable$/m)
  expect(out).toMatch(/^files\/disk$/m)
})

test('skopeo copies an image from and to OCI layouts, between repositories, as Docker schema 2, and deletes it', async () => {
  const { out } = await sh(
    'skopeo',
    `${MAKE_IMAGE}
     podman push -q localhost/made:v1 oci:layout:v1
     skopeo copy -q --dest-tls-verify=false oci:layout:v1 docker://$R/sk/one:v1
     skopeo copy -q --src-tls-verify=false --dest-tls-verify=false docker://$R/sk/one:v1 docker://$R/sk/two:v1
     skopeo copy -q --format v2s2 --dest-tls-verify=false oci:layout:v1 docker://$R/sk/docker:v1
     skopeo copy -q --src-tls-verify=false docker://$R/sk/two:v1 oci:back:v1
     diff -r layout/blobs back/blobs && echo identical
     skopeo delete --tls-verify=false docker://$R/sk/two:v1
     skopeo inspect --tls-verify=false docker://$R/sk/two:v1 2>/dev/null || echo gone`,
  )
  expect(out).toMatch(/identical\ngone\n$/)
})

test('podman pushes, pulls, and finds the digest behind a tag', async () => {
  const { out } = await sh(
    'podman',
    `${MAKE_IMAGE}
     podman push -q --tls-verify=false --digestfile digest localhost/made:v1 docker://$R/pod/app:v1
     podman rmi -f localhost/made:v1 >/dev/null
     podman pull -q --tls-verify=false $R/pod/app:v1 >/dev/null
     podman image inspect --format '{{.Digest}}' $R/pod/app:v1
     cat digest; echo
     podman push -q --tls-verify=false --compression-format zstd:chunked $R/pod/app:v1 docker://$R/pod/app:chunked
     podman search --tls-verify=false $R/`,
  )
  const [pulled, pushed] = out.match(/sha256:[0-9a-f]{64}/g) ?? []
  expect(pulled).toBe(pushed)
  expect(out).toContain('pod/app')
})
