import { createPublicKey, X509Certificate } from 'node:crypto'
import { chmodSync, copyFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { pino } from 'pino'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { keepCertificate, openCertificate } from '../../src/shared/certificate.ts'
import { fingerprintOf, isSameFingerprint } from '../../src/shared/fingerprint.ts'
import { startServer } from '../../src/shared/http-server.ts'
import { loadOrCreateTls } from '../../src/shared/tls.ts'
import { scratch } from '../support/scratch.ts'

const DAY_MS = 86_400_000
const log = pino({ level: 'silent' })
let directory = ''
let now = new Date('2026-01-01T00:00:00Z')
const clock = { now: () => now }

beforeEach(() => {
  directory = scratch()
  now = new Date('2026-01-01T00:00:00Z')
})

const own = (names = ['127.0.0.1']) => ({ kind: 'own', dir: directory, names }) as const
const file = (name: string) => join(directory, name)
const files = () => ({ kind: 'files', cert: file('server.pem'), key: file('server.key'), ca: file('ca.pem') }) as const

test('a certificate is issued again before it ends, by the same CA', async () => {
  const certificate = await openCertificate(own(), clock)
  const { cert, ca = '' } = certificate.material
  now = new Date(now.getTime() + 700 * DAY_MS)
  expect((await certificate.refresh()).cert).toBe(cert)
  now = new Date(now.getTime() + 100 * DAY_MS)
  const renewed = await certificate.refresh()
  expect(renewed.cert).not.toBe(cert)
  expect(renewed.ca).toBe(ca)
  expect(new X509Certificate(renewed.cert).verify(createPublicKey(ca))).toBe(true)
})

test('a certificate of a CA that is gone is issued again, though the new one has the same name', async () => {
  const { material } = await openCertificate(own(), clock)
  rmSync(file('ca.pem'))
  const { cert, ca = '' } = (await openCertificate(own(), clock)).material
  expect(cert).not.toBe(material.cert)
  expect(new X509Certificate(cert).verify(createPublicKey(ca))).toBe(true)
})

test('a running server shows a renewed certificate to the next client', async () => {
  const certificate = await openCertificate(own(), clock)
  const server = await startServer({
    fetch: () => new Response('ok'),
    listen: { host: '127.0.0.1', port: 0 },
    tls: certificate.material,
    log,
  })
  const stop = new AbortController()
  const kept = keepCertificate(certificate, server.useCertificate, log, stop.signal, 5)
  onTestFinished(async () => {
    stop.abort()
    await kept
    await server.close()
  })
  const before = await serialShownBy(server.port)
  now = new Date(now.getTime() + 800 * DAY_MS)
  await expect.poll(() => serialShownBy(server.port)).not.toBe(before)
})

function serialShownBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

test("the operator's own certificate is used with its CA, and read again when it changes", async () => {
  await loadOrCreateTls(directory, ['bmc.example'], clock)
  const certificate = await openCertificate(files(), clock)
  expect(certificate.material.ca).toBe(readFileSync(file('ca.pem'), 'utf8'))
  await loadOrCreateTls(directory, ['other.example'], clock)
  expect((await certificate.refresh()).cert).not.toBe(certificate.material.cert)
  expect((await openCertificate({ ...files(), ca: undefined }, clock)).material.ca).toBeUndefined()
})

test('files that do not belong together, have ended, or may be read by others are refused', async () => {
  await loadOrCreateTls(directory, ['bmc.example'], clock)
  copyFileSync(file('ca.key'), file('wrong.key'))
  await expect(openCertificate({ ...files(), key: file('wrong.key') }, clock)).rejects.toThrow(
    'Cannot use the certificate',
  )
  await expect(openCertificate({ ...files(), key: file('none') }, clock)).rejects.toThrow('Cannot find the key')
  chmodSync(file('server.key'), 0o644)
  await expect(openCertificate(files(), clock)).rejects.toThrow('others may read it')
  chmodSync(file('server.key'), 0o640)
  await openCertificate(files(), clock)
  now = new Date(now.getTime() + 826 * DAY_MS)
  await expect(openCertificate(files(), clock)).rejects.toThrow(expect.objectContaining({ code: 'config-invalid' }))
})

test('fingerprints are compared as people write them', async () => {
  const { ca } = await loadOrCreateTls(directory, [], clock)
  const print = fingerprintOf(ca)
  expect(isSameFingerprint(print, print.replaceAll(':', '').toLowerCase())).toBe(true)
  expect(isSameFingerprint(print, `00${print.slice(2)}`)).toBe(false)
  expect(isSameFingerprint('', '')).toBe(false)
})
