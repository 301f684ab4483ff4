import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSeaConfig, SEA_CONFIG_KEYS } from '../../build/sea.ts'

const config = JSON.parse(readFileSync(join(import.meta.dirname, '../../build/sea-config.json'), 'utf8'))

test('every key is one that Node knows, for it ignores others without a word', () => {
  expect(SEA_CONFIG_KEYS).toEqual(expect.arrayContaining(Object.keys(config)))
  expect(readSeaConfig()).toEqual(config)
})

test('paths are relative, for Node embeds the one of main', () => {
  expect([config.main, config.output]).toEqual(['main.cjs', 'provisioner.blob'])
})

test('neither NODE_OPTIONS nor a signal opens the executable to others', () => {
  expect(config).toMatchObject({ execArgv: ['--disable-sigusr1'], execArgvExtension: 'none' })
})

test('a start-up snapshot is not used: node:http cannot be in one', () => {
  expect(config).toMatchObject({ useSnapshot: false, useCodeCache: true })
})
