import { createHash, createVerify } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { BLOB_POLICY, streamBlob } from '../../oci/blob.ts'
import { hostArchitecture } from '../../oci/manifest.ts'
import { resolveArtifact } from '../../oci/pull.ts'
import { openRepository } from '../../oci/registry.ts'
import { formatBytes } from '../../shared/byte-size.ts'
import { AppError } from '../../shared/errors.ts'
import { writeAt } from '../../shared/file-at.ts'
import { sendRequest } from '../../shared/http-client.ts'
import { parseOciReference } from '../../shared/oci-reference.ts'
import type { Recipe } from '../../shared/recipe/schema.ts'
import { isTimeOver, retryWithin } from '../../shared/time.ts'
import { connectionsTo } from '../connections.ts'
import { tellBreaks } from '../imaging/meter.ts'
import { accessFor } from './artifact.ts'
import type { StepContext } from './step.ts'

/** It lies in memory. The largest bundles of vendors are below this. */
const MAX_FIRMWARE_BYTES = 2 * 1024 ** 3

const BACKOFF = { firstMs: 1000, maxMs: 15_000, attempts: 5 }

interface Download {
  /** As vendor tools like to see it: with its ending. */
  readonly name: string
  readonly bytes: AsyncIterable<Uint8Array>
  readonly total: number | undefined
}

export interface FirmwareFile {
  readonly name: string
  readonly sha256: string
  readonly bytes: number
}

/**
 * Downloads the firmware of the recipe to `path` and checks it; what is not as the recipe says is removed again.
 * @throws `digest-mismatch`, `signature-refused`, `registry-answer`, `size-exceeded`, `step-failed`
 */
export async function fetchFirmware(path: string, context: StepContext): Promise<FirmwareFile> {
  const { recipe, signal } = context
  try {
    const isWorthAgain = (error: unknown) => !(error instanceof AppError) || error.code === 'registry-answer'
    // A blob was waited for in the middle of it; only what failed before that is worth another try.
    const backoff = recipe.firmware_url?.startsWith('oci://') ? { ...BACKOFF, forMs: BLOB_POLICY.patienceMs } : BACKOFF
    return await retryWithin(() => download(path, context), backoff, isWorthAgain, signal)
  } catch (error) {
    await rm(path, { force: true })
    // The end of the time that it has says nothing; what the last try met does.
    if (!isTimeOver(signal)) signal.throwIfAborted()
    if (error instanceof AppError) throw error
    throw new AppError('step-failed', `Cannot download ${recipe.firmware_url}`, { cause: error })
  }
}

async function download(path: string, context: StepContext): Promise<FirmwareFile> {
  const { recipe, progress, signal } = context
  let size = 0
  const onBreak = tellBreaks(context, () => formatBytes(size))
  const { name, bytes, total } = await openDownload(context, onBreak)
  const hash = createHash('sha256')
  const verifier = createVerify('sha256')
  await using file = await open(path, 'w', 0o600)
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > MAX_FIRMWARE_BYTES) {
      throw new AppError('size-exceeded', `Cannot use ${name}: it is larger than ${formatBytes(MAX_FIRMWARE_BYTES)}`)
    }
    hash.update(chunk)
    verifier.update(chunk)
    await writeAt(file, chunk, size - chunk.length)
    progress.bytes(size, total, 'downloading')
  }
  signal.throwIfAborted()
  const sha256 = hash.digest('hex')
  checkDigest(recipe, name, sha256)
  checkSignature(recipe, name, verifier)
  return { name, sha256, bytes: size }
}

function checkDigest({ firmware_sha256: expected }: Recipe, name: string, sha256: string): void {
  if (expected === undefined || expected === sha256) return
  throw new AppError('digest-mismatch', `Cannot use ${name}: the recipe demands sha256 ${expected} and it is ${sha256}`)
}

/** As `openssl dgst -sha256 -sign` and `cosign sign-blob` make them: RSA or ECDSA over SHA-256. */
function checkSignature(
  { firmware_signature: wanted }: Recipe,
  name: string,
  verifier: ReturnType<typeof createVerify>,
): void {
  if (wanted === undefined) return
  const good = () => verifier.verify(wanted.public_key, wanted.signature, 'base64')
  if (isTrue(good)) return
  throw new AppError('signature-refused', `Cannot use ${name}: the public key of the recipe has not signed it`)
}

/** A key that cannot be read has signed nothing. */
function isTrue(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}

async function openDownload(
  { recipe, job, signal }: StepContext,
  onBreak: (reason: unknown) => void,
): Promise<Download> {
  const url = recipe.firmware_url ?? ''
  if (!url.startsWith('oci://')) {
    const parsed = new URL(url)
    const own = parsed.host === new URL(job.controller.url).host
    const answer = await sendRequest({ url: parsed, ...(own && { connections: connectionsTo(job) }) }, signal)
    if (answer.status !== 200) {
      answer.body.destroy()
      throw new AppError('registry-answer', `Cannot download ${url}: the server answered ${answer.status}`)
    }
    const length = Number(answer.headers['content-length'])
    return {
      name: fileName(parsed.pathname),
      bytes: answer.body,
      total: Number.isSafeInteger(length) ? length : undefined,
    }
  }
  const reference = parseOciReference(url)
  const repository = openRepository(reference, accessFor(reference, job))
  const { layers } = await resolveArtifact(repository, hostArchitecture(), undefined, signal)
  const [layer] = layers
  if (layer === undefined || layers.length > 1) {
    throw new AppError('step-failed', `Cannot use ${url}: it has ${layers.length} files, and one is needed`)
  }
  return {
    name: fileName(layer.title ?? reference.repository),
    bytes: streamBlob(repository, layer, signal, { ...BLOB_POLICY, onBreak }),
    total: layer.size,
  }
}

/** The last part of a path, if it is a plain name. */
export function fileName(path: string): string {
  const last = path.split('/').at(-1) ?? ''
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(last) ? last : 'firmware.bin'
}
