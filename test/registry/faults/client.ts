import type { Content, Known, Manifest } from './known.ts'
import { makeImage, makeIndex, releasedBy } from './known.ts'
import type { Random } from './random.ts'

/** The server died: nobody knows what became of the last request. */
export class ServerDied extends Error {}

/** One of several clients, each with a repository of its own and the same blobs. */
export interface Client {
  readonly known: Known
  /** One random thing. @throws ServerDied, and any other error for an answer that must not be */
  act(url: string): Promise<void>
}

const TAGS = ['a', 'b', 'c', 'd']

export function createClient(
  known: Known,
  others: readonly string[],
  blobs: readonly Content[],
  random: Random,
): Client {
  const certain = () =>
    [...known.manifests.values()].filter(({ state }) => state === 'yes').map(({ manifest }) => manifest)
  const actions: readonly ((url: string) => Promise<void>)[] = [
    pushImage,
    pushImage,
    pushImage,
    pushIndex,
    deleteTag,
    deleteManifest,
    tidy,
    pull,
    startSession,
    continueSession,
  ]
  return { known, act: (url) => random.pick(actions)(url) }

  async function pushImage(url: string): Promise<void> {
    const subject = random.chance(0.2) && certain().length > 0 ? random.pick(certain()) : undefined
    await pushManifest(url, makeImage(random, blobs, subject), random.chance(0.7) ? random.pick(TAGS) : undefined)
  }

  async function pushIndex(url: string): Promise<void> {
    const parts = certain().filter(({ manifests }) => manifests.length === 0)
    if (parts.length < 2) return
    await pushManifest(url, makeIndex([random.pick(parts), random.pick(parts)]), random.pick(TAGS))
  }

  async function pushManifest(url: string, manifest: Manifest, tag: string | undefined): Promise<void> {
    const { digest, bytes, type } = manifest
    if (!known.manifests.has(digest)) known.manifests.set(digest, { manifest, state: 'maybe', released: false })
    const before = known.tags.get(tag ?? '') ?? new Set([undefined])
    if (tag !== undefined) known.tags.set(tag, new Set([...before, digest]))
    for (let attempt = 0; attempt < 10; attempt++) {
      for (const blob of manifest.blobs) await pushBlob(url, blob)
      const path = `${url}/v2/${known.repository}/manifests/${tag ?? digest}`
      const response = await ask(path, 'PUT', bytes, { 'content-type': type })
      if (response.status === 201) {
        known.manifests.set(digest, { manifest, state: 'yes', released: false })
        if (tag !== undefined) known.tags.set(tag, new Set([digest]))
        return
      }
      // Collected between its push and the manifest: the client is told, and pushes again.
      const { errors } = JSON.parse(response.text)
      expectStatus(response, 404)
      if (errors[0].code !== 'MANIFEST_BLOB_UNKNOWN') throw new Error(`PUT ${path}: ${response.text}`)
      if (manifest.manifests.length > 0) throw new Error(`PUT ${path}: an entry of the index is lost`)
    }
    throw new Error(`Cannot push ${digest}: its blobs vanish ten times`)
  }

  async function pushBlob(url: string, { digest, bytes }: Content): Promise<void> {
    const repository = `${url}/v2/${known.repository}/blobs`
    const head = await ask(`${repository}/${digest}`, 'HEAD')
    if (head.status === 200) return
    expectStatus(head, 404)
    const style = random.below(4)
    if (style === 0) return expectStatus(await ask(`${repository}/uploads/?digest=${digest}`, 'POST', bytes), 201)
    const mount = style === 1 ? `?mount=${digest}&from=${random.pick(others)}` : ''
    const started = await ask(`${repository}/uploads/${mount}`, 'POST')
    if (style === 1 && started.status === 201) return
    expectStatus(started, 202)
    const location = url + started.location
    if (style === 2) return expectStatus(await ask(`${location}?digest=${digest}`, 'PUT', bytes), 201)
    const middle = random.below(bytes.length + 1)
    expectStatus(await ask(location, 'PATCH', bytes.subarray(0, middle)), 202)
    expectStatus(await ask(`${location}?digest=${digest}`, 'PUT', bytes.subarray(middle)), 201)
  }

  async function deleteTag(url: string): Promise<void> {
    const tag = random.pick(TAGS)
    const before = known.tags.get(tag) ?? new Set([undefined])
    known.tags.set(tag, new Set([...before, undefined]))
    const { status } = await ask(`${url}/v2/${known.repository}/manifests/${tag}`, 'DELETE')
    if (status === 404 && !before.has(undefined)) throw new Error(`Tag ${tag} of ${known.repository} is lost`)
    known.tags.set(tag, new Set([undefined]))
  }

  async function deleteManifest(url: string): Promise<void> {
    const listed = new Set(
      [...known.manifests.values()].flatMap(({ manifest }) => manifest.manifests.map(({ digest }) => digest)),
    )
    const free = certain().filter((manifest) => !listed.has(manifest.digest))
    if (free.length < 3) return
    const manifest = random.pick(free)
    known.manifests.set(manifest.digest, { manifest, state: 'maybe', released: false })
    for (const [tag, values] of known.tags) {
      if (values.has(manifest.digest)) known.tags.set(tag, new Set([...values, undefined]))
    }
    releasedBy(known, manifest)
    expectStatus(await ask(`${url}/v2/${known.repository}/manifests/${manifest.digest}`, 'DELETE'), 202)
    known.manifests.delete(manifest.digest)
    for (const [tag, values] of known.tags)
      known.tags.set(tag, new Set([...values].filter((at) => at !== manifest.digest)))
  }

  /** What a kill leaves to be checked shall not grow for ever. */
  async function tidy(url: string): Promise<void> {
    while (known.manifests.size > 10 && certain().length > 5) {
      const before = known.manifests.size
      await deleteManifest(url)
      if (known.manifests.size >= before) return
    }
  }

  async function pull(url: string): Promise<void> {
    if (certain().length > 0) await pullWhole(url, known.repository, random.pick(certain()))
  }

  async function startSession(url: string): Promise<void> {
    if (known.sessions.size > 3) return
    const content = random.pick(blobs)
    const started = await ask(`${url}/v2/${known.repository}/blobs/uploads/`, 'POST')
    expectStatus(started, 202)
    known.sessions.set(started.location, { content, acknowledged: 0 })
  }

  async function continueSession(url: string): Promise<void> {
    const [entry] = known.sessions
    if (entry === undefined) return
    const [location, session] = entry
    const { digest, bytes } = session.content
    const received = await receivedOf(url + location)
    if (received === undefined) {
      known.sessions.delete(location)
      return expectStatus(await ask(url + location, 'DELETE'), 204)
    }
    if (random.chance(0.5)) {
      const more = bytes.subarray(received, received + random.below(bytes.length))
      const range = { 'content-range': `${received}-${received + more.length - 1}` }
      if (more.length === 0) return
      expectStatus(await ask(url + location, 'PATCH', more, range), 202)
      session.acknowledged = received + more.length
      return
    }
    known.sessions.delete(location)
    expectStatus(await ask(`${url}${location}?digest=${digest}`, 'PUT', bytes.subarray(received)), 201)
  }
}

/** Bytes of a session, as the registry says; undefined for the one byte that it cannot say. */
async function receivedOf(location: string): Promise<number | undefined> {
  const response = await ask(location, 'GET')
  expectStatus(response, 204)
  const [, end = '0'] = response.range.split('-')
  // "0-0" is nothing or one byte: after one, a second one is taken.
  if (end !== '0') return Number(end) + 1
  const probe = await ask(location, 'PATCH', Buffer.alloc(1), { 'content-range': '1-1' })
  return probe.status === 416 ? 0 : undefined
}

/** Everything of a manifest must be there and right. */
export async function pullWhole(url: string, repository: string, { digest, bytes, blobs }: Manifest): Promise<void> {
  const path = `${url}/v2/${repository}`
  expectContent(await ask(`${path}/manifests/${digest}`, 'GET'), `manifest ${digest} of ${repository}`, bytes)
  for (const blob of blobs) {
    const what = `blob ${blob.digest} of ${repository}, needed by ${digest}`
    expectContent(await ask(`${path}/blobs/${blob.digest}`, 'GET'), what, blob.bytes)
  }
}

function expectContent({ status, body }: Answer, what: string, bytes: Buffer): void {
  if (status !== 200) throw new Error(`${what}: ${status} ${body.toString().slice(0, 300)}`)
  if (!body.equals(bytes)) throw new Error(`${what}: ${body.length} bytes, which are not those that were pushed`)
}

export interface Answer {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly location: string
  readonly range: string
  readonly digest: string
  readonly body: Buffer
  readonly text: string
}

export function expectStatus({ method, path, status, text }: Answer, expected: number): void {
  if (status !== expected) throw new Error(`${method} ${path}: ${status} instead of ${expected}: ${text.slice(0, 500)}`)
}

export async function ask(
  url: string,
  method: string,
  body?: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const path = url.replace(/^http:\/\/[^/]*/, '')
  try {
    const init = { method, headers, ...(body !== undefined && { body: Buffer.from(body) }) }
    const response = await fetch(url, init)
    const bytes = Buffer.from(await response.arrayBuffer())
    const header = (name: string) => response.headers.get(name) ?? ''
    return {
      method,
      path,
      status: response.status,
      location: header('location'),
      range: header('range'),
      digest: header('docker-content-digest'),
      body: bytes,
      text: bytes.toString('latin1'),
    }
  } catch (cause) {
    throw new ServerDied(`${method} ${path}: no answer`, { cause })
  }
}
