import { rm } from 'node:fs/promises'
import { afterAll, beforeAll } from 'vitest'
import { labScratch } from './cache.ts'
import type { Site, SiteOptions } from './site.ts'
import { startSite } from './site.ts'

/** What the tests of one file share; its parts are there once `beforeAll` has run. */
export interface TestSite {
  site: Site
  directory: string
}

/** A site for the tests of this file. */
export function testSite(name: string, options: SiteOptions = {}): TestSite {
  const shared = { directory: '' } as TestSite
  beforeAll(async () => {
    shared.directory = await labScratch(`test-${name}`)
    shared.site = await startSite(shared.directory, () => undefined, options)
  }, 15 * 60_000)
  afterAll(async () => {
    await shared.site?.close()
    await rm(shared.directory, { recursive: true, force: true })
  })
  return shared
}
