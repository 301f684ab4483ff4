import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { defineConfig } from 'vitest/config'

const PROPERTY_SIZES = ['test/property-sizes.ts']

/**
 * Fast tests make hundreds of databases, each of which flushes the disk: in memory that costs nothing. What a loss of power
 * leaves is tried with faults of our own making, not by that.
 */
function memoryDirectory(): string {
  const MEMORY = '/dev/shm'
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize > 2 ** 31 ? MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}

/**
 * Three projects by what a test needs: `fast` nothing but Node, `real` programs of the lab roots (root rights),
 * `vm` QEMU. `script/test` runs all three; a missing need is a failure there, never a skip.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['**/*.real.test.ts', '**/*.vm.test.ts'],
          setupFiles: PROPERTY_SIZES,
          // No module keeps state, so files may share a process; waiting tests leave room for a third one on two cores.
          isolate: false,
          maxWorkers: 3,
          env: { TMPDIR: memoryDirectory() },
          testTimeout: 20_000,
          expect: { poll: { timeout: 10_000 } },
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/**/*.real.test.ts'],
          setupFiles: PROPERTY_SIZES,
          testTimeout: 120_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/**/*.vm.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
