import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Registry, RegistryOptions } from '../../../src/registry/registry.ts'
import { openRegistry } from '../../../src/registry/registry.ts'
import { sha256 } from '../../../src/shared/digest.ts'
import type { RunningServer, ServerSettings } from '../../../src/shared/http-server.ts'
import { startServer } from '../../../src/shared/http-server.ts'
import { createLogger } from '../../../src/shared/log.ts'
import { systemClock } from '../../../src/shared/time.ts'

/** Everything a test's registry logs is thrown away. */
export const silent = createLogger('silent')

export const IMAGE = 'application/vnd.oci.image.manifest.v1+json'
export const INDEX = 'application/vnd.oci.image.index.v1+json'

/** Memory where there is some: what a test stores is small, and waiting for a busy disk to sync proves nothing. */
const FAST_DIRECTORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A directory of the test's own, removed with it. */
export async function temporaryDirectory(parent = FAST_DIRECTORY): Promise<string> {
  const path = await mkdtemp(join(parent, 'registry-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

export interface TestRegistry extends Registry {
  readonly root: string
  /** One request without a server. */
  request(method: string, path: string, options?: RequestOptions): Promise<Response>
}

export interface RequestOptions {
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

export async function testRegistry(options: Partial<RegistryOptions> = {}): Promise<TestRegistry> {
  const root = options.root ?? (await temporaryDirectory())
  const registry = await openRegistry({ log: silent, clock: systemClock, ...options, root })
  let open = true
  async function close(): Promise<void> {
    if (open) await registry.close()
    open = false
  }
  onTestFinished(close)
  async function request(method: string, path: string, { headers = {}, body }: RequestOptions = {}): Promise<Response> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const length = bytes === undefined ? {} : { 'content-length': String(bytes.length) }
    return registry.app.request(path, {
      method,
      headers: { ...length, ...headers },
      ...(bytes !== undefined && { body: Buffer.from(bytes) }),
    })
  }
  return { ...registry, root, request, close }
}

/** The registry on a port of its own. */
export async function served(
  registry: Registry,
  settings: Partial<ServerSettings> = {},
): Promise<RunningServer & { url: string }> {
  const listen = { host: '127.0.0.1', port: 0 }
  const { app, direct } = registry
  const server = await startServer({ fetch: (r, env) => app.fetch(r, env), direct, listen, log: silent, ...settings })
  onTestFinished(() => server.close())
  return { ...server, url: `${settings.tls ? 'https' : 'http'}://127.0.0.1:${server.port}` }
}

/** The codes of an OCI error body. */
export async function codes(response: Response): Promise<string[]> {
  const { errors } = (await response.json()) as { errors: { code: string }[] }
  return errors.map(({ code }) => code)
}

export async function pushBlob(registry: TestRegistry, repository: string, content: string | Uint8Array) {
  const digest = sha256(content)
  const response = await registry.request('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    body: content,
  })
  if (response.status !== 201) throw new Error(`push of ${digest}: ${response.status} ${await response.text()}`)
  return { digest, size: Buffer.byteLength(content), mediaType: 'application/octet-stream' }
}

/** Pushes an image of one layer, with whatever else the manifest shall have, and returns its descriptor. */
export async function pushImage(
  registry: TestRegistry,
  repository: string,
  reference: string | undefined,
  extra: Readonly<Record<string, unknown>> = {},
) {
  const config = {
    ...(await pushBlob(registry, repository, '{}')),
    mediaType: 'application/vnd.oci.image.config.v1+json',
  }
  const layers = [await pushBlob(registry, repository, `layer of ${reference}`)]
  const body = JSON.stringify({ schemaVersion: 2, mediaType: IMAGE, config, layers, ...extra })
  const response = await registry.request('PUT', `/v2/${repository}/manifests/${reference ?? sha256(body)}`, {
    headers: { 'content-type': IMAGE },
    body,
  })
  if (response.status !== 201) throw new Error(`push of ${reference}: ${response.status} ${await response.text()}`)
  return { digest: sha256(body), size: body.length, mediaType: IMAGE, body, response }
}
