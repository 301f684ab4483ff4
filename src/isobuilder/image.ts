import type { IsoPlan } from './plan.ts'
import { readSegments } from './segments.ts'

/**
 * The bytes [start, end) of the image, read from the sources as they are asked for. Two calls give the same bytes.
 * @throws RangeError when the range is not inside the image; `iso-plan` when a source is short or has changed.
 */
export function readIso(
  plan: IsoPlan,
  start: number,
  end: number,
  options: { readonly chunk?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Uint8Array> {
  return readSegments(plan, start, end, options)
}
