import { spawn } from 'node:child_process'

/**
 * Whether a device gives its sector 16, where a volume says what it is (ECMA-119 6.2.1). A child asks: no signal ends a read that
 * hangs in the kernel, and one in a thread of ours would keep this process from ending. It goes on without us, without any pipe.
 */
export function answers(device: string): Promise<boolean> {
  const child = spawn('dd', [`if=${device}`, 'bs=2048', 'skip=16', 'count=1'], { stdio: 'ignore' })
  child.unref()
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code === 0))
    // There is no dd: the device is read by whoever asks.
    child.once('error', () => resolve(true))
  })
}
