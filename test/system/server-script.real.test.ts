import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { sleep } from '../../src/shared/time.ts'
import { executable, ROOT } from '../build/executable.ts'
import { freePort, run } from '../lab/controller.ts'

const directory = await mkdtemp(join(tmpdir(), 'provisioner-server-'))
afterAll(() => rm(directory, { recursive: true, force: true }))

test('script/server starts a controller on the port it is told, with simulated servers that take a job to success', async () => {
  const program = await executable()
  const port = await freePort()
  const env = { ...process.env, PROVISIONER_DATA: directory }
  const script = spawn(join(ROOT, 'script/server'), ['--listen', `127.0.0.1:${port}`], { env, stdio: 'ignore' })
  const ended = new Promise((resolve) => script.once('exit', resolve))
  const login = {
    PROVISIONER_CONTROLLER: `https://127.0.0.1:${port}`,
    PROVISIONER_CA: join(directory, 'tls/ca.pem'),
    PROVISIONER_TOKEN_FILE: join(directory, 'admin-token'),
  }
  try {
    for (let tries = 0; tries < 300; tries++) {
      if ((await run(program, ['server', 'list'], login)).stdout.includes('SIM-xcc2')) break
      await sleep(200)
    }
    const recipe = join(directory, 'example.yaml')
    const job = await run(program, ['job', 'create', '--server', 'SIM-idrac9', '--recipe', recipe, '--wait'], login)
    expect(job, job.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('succeeded') })
  } finally {
    script.kill('SIGTERM')
    await ended
  }
})
