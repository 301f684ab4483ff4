import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { dracutInitramfs } from '../lab/maintenance.ts'
import { mustInTools } from '../lab/programs.ts'
import { debianRoot } from '../lab/roots/roots.ts'
import { type Line, layerOf } from './layer-bytes.ts'

const ASSETS = join(import.meta.dirname, '../../assets')
const UNITS = 'etc/systemd/system'
const STUB = 'usr/lib/systemd/boot/efi/linuxx64.efi.stub'

/** What the image does when it has started: it shows that a container of the embedded tool image runs. */
const SERVICE = `[Unit]
After=var-lib-containers.mount
Requires=var-lib-containers.mount
[Service]
Type=oneshot
ExecStart=/usr/bin/podman run --rm --pull=never --network=host --log-driver=passthrough localhost/provisioner-tools:1 sh -c "echo the tool image says: $(sgdisk --version | head -n 1)"
ExecStopPost=/usr/bin/systemctl --no-block poweroff
StandardOutput=journal+console
StandardError=journal+console
`

/**
 * Two OCI layouts below `directory`: `system`, a Debian of two layers with kernel, initramfs and boot stub where bootc
 * images have them, and `tools`, the image of the steps.
 */
export async function systemLayouts(directory: string): Promise<{ readonly system: string; readonly tools: string }> {
  const root = await debianRoot('maintenance')
  const base = join(directory, 'base.tar')
  const argv = ['tar', '--create', '--file=/out/base.tar', '--format=pax', '--xattrs', '--numeric-owner', '--sort=name']
  await mustInTools([...argv, '--exclude=./boot/*', '--exclude=./var/cache/*', '--directory=/root', '.'], {
    binds: [
      { host: directory, inside: '/out' },
      { host: root, inside: '/root', readonly: true },
    ],
  })
  const top = join(directory, 'top.tar')
  await writeFile(top, layerOf(await topLines(root)))
  const system = await layoutOf(join(directory, 'system'), [base, top])
  const archive = join(directory, 'tools.tar')
  await mustInTools(['cp', '/in.tar', '/out/tools.tar'], {
    binds: [
      { host: directory, inside: '/out' },
      { host: await debianRoot('tool-image'), inside: '/in.tar', readonly: true },
    ],
  })
  return { system, tools: await layoutOf(join(directory, 'tools'), [archive]) }
}

async function topLines(root: string): Promise<Line[]> {
  const kernel = (await readdir(join(root, 'boot'))).find((name) => name.startsWith('vmlinuz-')) ?? ''
  const modules = `usr/lib/modules/${kernel.slice('vmlinuz-'.length)}`
  const masked = await readFile(join(import.meta.dirname, '../lab/roots/maintenance/masked'), 'utf8')
  const containers = ['storage.conf', 'containers.conf'].map(async (name): Promise<Line> => {
    return ['f', `etc/containers/${name}`, await readFile(join(ASSETS, 'host/etc/containers', name))]
  })
  return [
    ['f', `${modules}/vmlinuz`, await readFile(join(root, 'boot', kernel))],
    ['f', `${modules}/initramfs.img`, await readFile(await dracutInitramfs())],
    ['f', STUB, await readFile(join(await debianRoot('tools'), STUB))],
    ['f', `${UNITS}/var-lib-containers.mount`, await readFile(join(ASSETS, 'units/var-lib-containers.mount'))],
    ['f', `${UNITS}/say.service`, SERVICE],
    ['s', `${UNITS}/multi-user.target.wants/say.service`, '../say.service'],
    ['s', `${UNITS}/default.target`, '/usr/lib/systemd/system/multi-user.target'],
    ['f', 'etc/machine-id', ''],
    // A file of the base that the image has removed.
    ['f', 'etc/.wh.motd'],
    ...masked
      .trim()
      .split('\n')
      .map((unit): Line => ['s', `${UNITS}/${unit}`, '/dev/null']),
    ...(await Promise.all(containers)),
  ]
}

/** An OCI image layout of those layers, which are moved into it. */
async function layoutOf(directory: string, layers: readonly string[]): Promise<string> {
  await mkdir(join(directory, 'blobs/sha256'), { recursive: true })
  const put = async (content: string, mediaType: string) => {
    const digest = createHash('sha256').update(content).digest('hex')
    await writeFile(join(directory, 'blobs/sha256', digest), content)
    return { mediaType, digest: `sha256:${digest}`, size: content.length }
  }
  const descriptors = await Promise.all(
    layers.map(async (path) => {
      const hash = createHash('sha256')
      await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) hash.update(chunk)
      })
      const digest = hash.digest('hex')
      const { size } = await stat(path)
      await rename(path, join(directory, 'blobs/sha256', digest))
      return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${digest}`, size }
    }),
  )
  const config = await put('{}', 'application/vnd.oci.image.config.v1+json')
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await put(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: descriptors }), mediaType)
  await writeFile(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }))
  await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return directory
}
