import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mustInTools } from '../lab/programs.ts'
import type { LabRegistry } from './support/lab-registry.ts'
import { startLabRegistry } from './support/lab-registry.ts'

/* Over TLS with a CA of our own: signatures, what is attached, moved tags. */

let lab: LabRegistry
let directory: string
let host: string

beforeAll(async () => {
  lab = await startLabRegistry({ tls: true })
  ;({ directory, host } = lab)
})

afterAll(() => lab?.close())

/** A directory that the programs see as /job; they trust the CA. `script` runs in it, with the registry as $R. */
async function sh(name: string, script: string, files: Record<string, Uint8Array | string> = {}): Promise<string> {
  const path = join(directory, name)
  const trust = join(path, 'certs.d', host)
  await mkdir(trust, { recursive: true })
  await writeFile(join(trust, 'ca.crt'), await readFile(join(directory, 'tls', 'ca.pem')))
  for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), content)
  const binds = [
    { host: path, inside: '/job' },
    { host: join(path, 'certs.d'), inside: '/etc/containers/certs.d' },
  ]
  const env = { R: host, TMPDIR: '/job', SSL_CERT_FILE: `/etc/containers/certs.d/${host}/ca.crt` }
  return mustInTools(['sh', '-euc', script], { binds, cwd: '/job', env, cgroup: true })
}

const PODMAN = `
  export STORAGE_DRIVER=vfs
  podman() { command podman --root /job/storage --runroot /job/run --cgroup-manager cgroupfs "$@"; }`

/** Makes an image of one layer by the name localhost/made:v1. */
const MAKE_IMAGE = `${PODMAN}
  mkdir -p root/etc; echo hello >root/etc/greeting; tar -C root -cf layer.tar .
  podman import -q layer.tar localhost/made:v1 >/dev/null`

/** Only what is signed by our key may come from the registry. */
function policy(key: string): string {
  const rule = { type: 'sigstoreSigned', keyPath: key, signedIdentity: { type: 'matchRepository' } }
  return JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }], transports: { docker: { [host]: [rule] } } })
}

test('podman and skopeo sign with a key, and pull only what is signed with it', async () => {
  const out = await sh(
    'sign',
    `${MAKE_IMAGE}
     mkdir -p /etc/containers/registries.d
     printf 'docker:\\n  %s:\\n    use-sigstore-attachments: true\\n' $R >/etc/containers/registries.d/ours.yaml
     : >pass
     skopeo generate-sigstore-key --output-prefix ours --passphrase-file pass >/dev/null
     skopeo generate-sigstore-key --output-prefix other --passphrase-file pass >/dev/null
     sign="--sign-by-sigstore-private-key ours.private --sign-passphrase-file pass"
     podman push -q $sign localhost/made:v1 docker://$R/signed/app:v1
     skopeo copy -q $sign docker://$R/signed/app:v1 docker://$R/signed/copy:v1
     podman push -q localhost/made:v1 docker://$R/signed/bare:v1
     skopeo --policy policy.json copy -q docker://$R/signed/app:v1 dir:app && echo app: verified
     skopeo --policy policy.json copy -q docker://$R/signed/copy:v1 dir:copy && echo copy: verified
     skopeo --policy policy.json copy -q docker://$R/signed/bare:v1 dir:bare 2>/dev/null || echo bare: refused
     skopeo --policy other.json copy -q docker://$R/signed/app:v1 dir:wrong 2>/dev/null || echo other key: refused
     cp policy.json /etc/containers/policy.json
     podman rmi -fa >/dev/null
     podman pull -q $R/signed/app:v1 >/dev/null && echo podman: verified
     podman pull -q $R/signed/bare:v1 2>/dev/null || echo podman: refused`,
    { 'policy.json': policy('/job/ours.pub'), 'other.json': policy('/job/other.pub') },
  )
  expect(out.trim().split('\n')).toEqual([
    'app: verified',
    'copy: verified',
    'bare: refused',
    'other key: refused',
    'podman: verified',
    'podman: refused',
  ])
})

test('cosign signs, attests, verifies and copies; podman accepts its signature', async () => {
  const out = await sh(
    'cosign',
    `${MAKE_IMAGE}
     export COSIGN_PASSWORD= HOME=/job
     cosign generate-key-pair --output-key-prefix ours 2>/dev/null
     cosign generate-key-pair --output-key-prefix other 2>/dev/null
     podman push -q --digestfile digest localhost/made:v1 docker://$R/cosign/app:v1
     image=$R/cosign/app@$(cat digest)
     cosign verify --key ours.pub --insecure-ignore-tlog $image >/dev/null 2>&1 || echo before: refused
     cosign sign --yes --key ours.key --tlog-upload=false -a built-by=lab $image 2>/dev/null
     cosign verify --key ours.pub --insecure-ignore-tlog -a built-by=lab $image 2>/dev/null | jq -r '.[0].optional["built-by"]'
     cosign verify --key other.pub --insecure-ignore-tlog $image >/dev/null 2>&1 || echo other key: refused
     echo '{"sbom":1}' >sbom.json
     cosign attest --yes --key ours.key --tlog-upload=false --type spdxjson --predicate sbom.json $image 2>/dev/null
     cosign verify-attestation --key ours.pub --insecure-ignore-tlog --type spdxjson $image 2>/dev/null |
       jq -r '.payload|@base64d|fromjson|.predicate.sbom'
     COSIGN_EXPERIMENTAL=1 cosign sign --yes --key ours.key --tlog-upload=false --registry-referrers-mode oci-1-1 $image 2>/dev/null
     curl -s https://$R/v2/cosign/app/referrers/$(cat digest) | jq -r '.manifests[].artifactType'
     cosign copy $image $R/cosign/copy:v1 2>/dev/null
     cosign verify --key ours.pub --insecure-ignore-tlog $R/cosign/copy:v1 >/dev/null 2>&1 && echo copy: verified
     mkdir -p /etc/containers/registries.d
     printf 'docker:\\n  %s:\\n    use-sigstore-attachments: true\\n' $R >/etc/containers/registries.d/ours.yaml
     cp policy.json /etc/containers/policy.json
     podman rmi -fa >/dev/null
     podman pull -q $R/cosign/app:v1 >/dev/null && echo podman: verified`,
    { 'policy.json': policy('/job/ours.pub') },
  )
  expect(out.trim().split('\n')).toEqual([
    'before: refused',
    'lab',
    'other key: refused',
    '1',
    'application/vnd.dev.cosign.artifact.sig.v1+json',
    'copy: verified',
    'podman: verified',
  ])
})

test('oras attaches, discovers and copies with what is attached', async () => {
  const out = await sh(
    'oras',
    `echo disk >disk.img; echo '{"sbom":1}' >sbom.json
     oras push $R/oras/disk:v1 --artifact-type application/vnd.diskimage.raw disk.img
     oras attach $R/oras/disk:v1 --artifact-type application/spdx+json sbom.json
     oras cp -r $R/oras/disk:v1 $R/oras/copy:v1
     echo found: $(oras discover --format json $R/oras/copy:v1 | jq -r '.. | .artifactType? // empty')
     oras cp -r $R/oras/disk:v1 --to-oci-layout layout:v1
     oras cp -r --from-oci-layout layout:v1 $R/oras/back:v1
     echo back: $(oras discover --format json $R/oras/back:v1 | jq -r '.. | .artifactType? // empty')`,
  )
  expect(out).toMatch(/^found: .*application\/spdx\+json/m)
  expect(out).toMatch(/^back: .*application\/spdx\+json/m)
})

test('buildah builds and pushes, and a tag that moved is seen by its digest without a pull', async () => {
  const out = await sh(
    'buildah',
    `export STORAGE_DRIVER=vfs
     buildah() { command buildah --root /job/storage --runroot /job/run "$@"; }
     printf 'FROM scratch\\nCOPY greeting /\\n' >Containerfile
     echo one >greeting; buildah build -q --isolation chroot -t $R/built/app:latest . >/dev/null
     buildah push -q $R/built/app:latest
     before=$(skopeo inspect --format '{{.Digest}}' docker://$R/built/app:latest)
     echo two >greeting; buildah build -q --isolation chroot -t $R/built/app:latest . >/dev/null
     buildah push -q --digestfile digest $R/built/app:latest
     after=$(skopeo inspect --format '{{.Digest}}' docker://$R/built/app:latest)
     [ "$before" != "$after" ] && [ "$after" = "$(cat digest)" ] && echo moved
     curl -sI https://$R/v2/built/app/manifests/latest | tr A-Z a-z | tr -d '\\r' | grep -x "docker-content-digest: $after"`,
  )
  expect(out).toMatch(/^moved$/m)
  expect(out).toMatch(/^docker-content-digest: sha256:/m)
})
