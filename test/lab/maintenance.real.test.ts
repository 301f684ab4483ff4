import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MaintenanceParts, maintenanceIso, STEP_IMAGE } from './maintenance.ts'
import { mustInTools } from './programs.ts'

let directory: string
let parts: MaintenanceParts
let iso: string

/** A stand-in for the executable and the assets: what is tested is the medium around them. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'maintenance-'))
  const assets = join(directory, 'assets')
  for (const name of ['units', 'quadlets', 'host/etc']) await mkdir(join(assets, name), { recursive: true })
  await writeFile(join(assets, 'units/provision-dispatcher.service'), '[Install]\nWantedBy=multi-user.target\n')
  await writeFile(join(assets, 'quadlets/partition.container'), `[Container]\nImage=${STEP_IMAGE}\n`)
  await writeFile(join(assets, 'host/etc/hostname'), 'from-assets\n')
  await writeFile(join(directory, 'provisioner'), '#!/bin/sh\n')
  parts = { executable: join(directory, 'provisioner'), assets, trustKey: 'PUBLIC KEY' }
  iso = await maintenanceIso(parts)
})

afterAll(() => rm(directory, { recursive: true, force: true }))

test('the medium has its label, a UEFI boot image and the layers in order', async () => {
  const said = await onMedium('xorriso -indev /in.iso -pvd_info -report_el_torito plain -find /layers -type f 2>&1')
  expect(said).toContain('PROVISIONER_MAINTENANCE')
  expect(said).toMatch(/El Torito boot img :\s+1\s+UEFI/)
  expect(await onMedium('sgdisk -v /in.iso')).toContain('No problems found')
  expect(said.match(/\d\d-[a-z-]+\.erofs/g)).toEqual(['10-base.erofs', '20-step-image.erofs', '30-provisioner.erofs'])
})

test('the top layer is what the Containerfile would add', async () => {
  const script = `
    xorriso -osirrox on -indev /in.iso -extract /layers/30-provisioner.erofs /tmp/top.erofs 2>/dev/null
    fsck.erofs --extract=/tmp/top /tmp/top.erofs >/dev/null && cd /tmp/top
    cat etc/hostname etc/provisioner/trust/controller.pub; echo
    stat -c '%a %u %n' usr/sbin/provisioner
    readlink etc/systemd/system/multi-user.target.wants/provision-dispatcher.service
    readlink usr/lib/bootc/bound-images.d/partition.container
    readlink etc/systemd/system/serial-getty@.service`
  expect((await onMedium(script)).trim().split('\n')).toEqual([
    'from-assets',
    'PUBLIC KEY',
    '755 0 usr/sbin/provisioner',
    expect.stringMatching(/provision-dispatcher\.service$/),
    '/etc/containers/systemd/partition.container',
    '/dev/null',
  ])
})

test('the same parts give the same path at once, another key another one', async () => {
  expect(await maintenanceIso(parts)).toBe(iso)
  expect(await maintenanceIso({ ...parts, trustKey: 'ANOTHER KEY' })).not.toBe(iso)
})

function onMedium(script: string): Promise<string> {
  return mustInTools(['sh', '-ec', script], { binds: [{ host: iso, inside: '/in.iso', readonly: true }] })
}
