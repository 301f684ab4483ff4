import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MaintenanceParts, maintenanceIso } from './maintenance.ts'
import { mustInTools } from './programs.ts'

let directory: string
let parts: MaintenanceParts
let iso: string

/** Of no key that anybody has: the same in every run, or each would build another medium. */
const SITE_CA = `-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUXgjchjCnCIpjWJLr6ASHlxChF9QwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHU2l0ZSBDQTAgFw0yNjExMzAwMTUwNTFaGA8yMTI2MTEwNjAx
NTA1MVowEjEQMA4GA1UEAwwHU2l0ZSBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABBkLsngXYkfgs6xjzBZkT5TIjuZMAusR5683HZDbixUlxDv8UhdyBAWumfZs
B/nG/uDxQCtWA7aosEPjbWzyXVyjUzBRMB0GA1UdDgQWBBTokArNrs38wTZoO7oN
c9CT89eARjAfBgNVHSMEGDAWgBTokArNrs38wTZoO7oNc9CT89eARjAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIAi8DHj69zD2GLaaBbinsSBDNiUI
LSvHBcc6aqPNxFcYAiBTqUh0VipyM/2/Iqhn1WF8F+dE8H+uodlGYVqzeKdbsw==
-----END CERTIFICATE-----
`

/** A stand-in for the executable: what is tested is the medium around it. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'maintenance-'))
  await writeFile(join(directory, 'provisioner'), '#!/bin/sh\necho 1.2.3\n')
  parts = {
    executable: join(directory, 'provisioner'),
    trustKey: Buffer.from('PUBLIC KEY'),
    caPem: Buffer.from(SITE_CA),
  }
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

test('the top layer is what the Containerfile makes of its base, by its own lines', async () => {
  const script = `
    xorriso -osirrox on -indev /in.iso -extract /layers/30-provisioner.erofs /tmp/top.erofs 2>/dev/null
    fsck.erofs --extract=/tmp/top /tmp/top.erofs >/dev/null && cd /tmp/top
    cat etc/provisioner/trust/controller.pub; echo
    cat usr/lib/provision/build-info.json
    stat -c '%a %u %n' usr/sbin/provisioner
    cd etc/systemd/system
    readlink multi-user.target.wants/provision-dispatcher.service sysinit.target.wants/provision-firewall.service
    readlink multi-user.target.wants/systemd-networkd.service /tmp/top/usr/lib/bootc/bound-images.d/partition.container
    readlink ssh.service serial-getty@.service`
  expect((await onMedium(script)).trim().split('\n')).toEqual([
    'PUBLIC KEY',
    '{"base": "debian", "provisioner": "1.2.3"}',
    '755 0 usr/sbin/provisioner',
    '/etc/systemd/system/provision-dispatcher.service',
    '/etc/systemd/system/provision-firewall.service',
    '/usr/lib/systemd/system/systemd-networkd.service',
    '/etc/containers/systemd/partition.container',
    '/dev/null',
    '/dev/null',
  ])
})

test("the CA of the site is in the system's own store", async () => {
  const script = `
    xorriso -osirrox on -indev /in.iso -extract /layers/30-provisioner.erofs /tmp/top.erofs 2>/dev/null
    fsck.erofs --extract=/tmp/top /tmp/top.erofs >/dev/null
    cat /tmp/top/etc/ssl/certs/ca-certificates.crt`
  expect(await onMedium(script)).toContain(SITE_CA)
})

test('the same parts give the same path at once, another key another one', async () => {
  expect(await maintenanceIso(parts)).toBe(iso)
  expect(await maintenanceIso({ ...parts, trustKey: Buffer.from('ANOTHER KEY') })).not.toBe(iso)
})

function onMedium(script: string): Promise<string> {
  return mustInTools(['sh', '-ec', script], { binds: [{ host: iso, inside: '/in.iso', readonly: true }] })
}
