import type { Controller } from './controller.ts'

const PAGE = 500

/** A list of the API page by page, up to `limit` items; `more` says that there are others. */
export async function readPages<T>(
  controller: Pick<Controller, 'get'>,
  path: string,
  member: string,
  query: URLSearchParams,
  limit: number,
): Promise<{ readonly items: readonly T[]; readonly more: boolean }> {
  const items: T[] = []
  let next: string | null = null
  do {
    const asked = new URLSearchParams(query)
    asked.set('limit', String(Math.min(PAGE, limit - items.length)))
    if (next !== null) asked.set('cursor', next)
    const page: Record<string, unknown> = await controller.get(`${path}?${asked}`)
    items.push(...(page[member] as T[]))
    next = page['next'] as string | null
  } while (next !== null && items.length < limit)
  return { items, more: next !== null }
}
