import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { AppError } from './errors.ts'

/** The public half of a key as cosign and skopeo make them: ECDSA on P-256. @throws `signature-key` for anything else */
export function parseSigningKey(pem: string): KeyObject {
  const key = parsePublicKey(pem)
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  throw unusable('it is no ECDSA key on the curve P-256, as cosign and skopeo make it')
}

/** A key whose signatures over SHA-256 `openssl dgst -sign` makes: RSA or ECDSA. @throws `signature-key` for anything else */
export function parseDigestKey(pem: string): KeyObject {
  const key = parsePublicKey(pem)
  if (key.asymmetricKeyType === 'ec' || key.asymmetricKeyType === 'rsa') return key
  throw unusable('it is neither an RSA nor an ECDSA key')
}

function parsePublicKey(pem: string): KeyObject {
  // A private key would be taken too, and a public one made of it: it has no place in a recipe.
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) throw unusable('it is no PEM block "PUBLIC KEY"')
  try {
    return createPublicKey(pem)
  } catch {
    // The library's words are about its decoders.
    throw unusable('it cannot be read')
  }
}

function unusable(reason: string): AppError {
  return new AppError('signature-key', `Cannot use the public key: ${reason}`)
}
