import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { job } from '../../src/commands/job.ts'
import { jobLogs } from '../../src/commands/job-logs.ts'
import { server } from '../../src/commands/server.ts'
import { scratch } from '../support/scratch.ts'
import { runCommand } from './support/run-command.ts'

/** A controller without streams whose paths answer these in turn, the last one for ever; keeps what was asked. */
async function answering(answers: Readonly<Record<string, readonly unknown[]>>) {
  const asked: string[] = []
  const controller = createServer((request, response) => {
    const path = request.url?.replace('/api/v1', '') ?? ''
    const wantsStream = request.headers.accept === 'text/event-stream'
    const all = answers[path] ?? []
    const count = asked.filter((each) => each === path).length
    if (!wantsStream) asked.push(path)
    const found = all[Math.min(count, all.length - 1)]
    if (wantsStream || found === undefined) response.statusCode = wantsStream ? 406 : 404
    response.end(typeof found === 'string' ? found : JSON.stringify(found ?? { code: 'job-not-found' }))
  })
  await new Promise<void>((resolve) => controller.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void controller.close())
  const { port } = controller.address() as AddressInfo
  const env = { PROVISIONER_CONTROLLER: `http://127.0.0.1:${port}`, PROVISIONER_TOKEN: 'x' }
  return { asked, env }
}

test('the journal is fetched when the job has changed, not each second of its clean-up', async () => {
  const cleaning = { job_id: '01K', status: 'failed', last_update: '1', events: [] }
  const { asked, env } = await answering({
    '/jobs/01K': [cleaning, cleaning, { ...cleaning, status: 'complete' }],
    '/jobs/01K/logs': ['one\n', 'one\ntwo\n'],
  })
  expect(await runCommand(jobLogs, ['--follow', '01K'], env)).toMatchObject({ out: 'one\ntwo\n', code: 0 })
  expect(asked.filter((path) => path.endsWith('/logs'))).toHaveLength(2)
})

test('the journal as JSON is what was sent, when', async () => {
  const { env } = await answering({ '/jobs/01K/logs': [{ logs: [{ at: 'now', text: 'one' }] }] })
  const { out } = await runCommand(jobLogs, ['--json', '01K'], env)
  expect(JSON.parse(out)).toEqual([{ at: 'now', text: 'one' }])
  expect(await runCommand(jobLogs, ['--json', '--follow', '01K'], env)).toMatchObject({ error: { code: 'usage' } })
})

test('a wait that is broken off has told the id of its job, and a list that is cut says so in a pipe too', async () => {
  const directory = scratch()
  writeFileSync(
    join(directory, 'r.yaml'),
    'task_target: install-linux.target\ntarget_disk: /dev/sda\noci_url: oci://a.example/b:1\npartition_layout:\n  - { size: 512MiB, format: vfat, mountpoint: /boot/efi }\n  - { size: 100%, format: ext4, mountpoint: / }\n',
  )
  const { env } = await answering({
    '/jobs': [{ job_id: '01K' }],
    '/jobs?limit=1': [{ jobs: [{ job_id: '01K' }], next: 'x' }],
  })
  const [create, list] = ['job create', 'job list'].map((name) => job.commands.find((each) => each.name === name))
  if (create === undefined || list === undefined) throw new Error('no such command')
  const argv = ['--server', 'SN1', '--recipe', join(directory, 'r.yaml'), '--wait', '--json']
  expect(await runCommand(create, argv, env)).toMatchObject({ out: '', err: 'Job 01K\n', error: expect.anything() })
  expect(await runCommand(list, ['--limit', '1', '--json'], env)).toMatchObject({ err: expect.stringMatching('more') })
})

test('what a BMC has said moves no terminal', async () => {
  const said = '\u001b]0;title\u0007iLO'
  const bmc = { url: 'https://192.0.2.7', username: said, verify_tls: true }
  const shown = { serial: 'SN1', uuid: null, vendor: said, network: null, created_at: '2026-01-02T03:04:05Z', bmc }
  const { env } = await answering({
    '/servers/SN1': [
      { ...shown, known_bmc: { model: said, firmware: said, seen_at: shown.created_at, learned: null } },
    ],
    '/servers?limit=500': [{ servers: [shown], next: null }],
    '/servers/SN1/doctor': [
      { serial: 'SN1', healthy: false, findings: [{ check: 'login', state: 'failed', message: said, advice: said }] },
    ],
  })
  for (const argv of [['show', 'SN1'], ['list'], ['doctor', 'SN1']]) {
    const command = server.commands.find(({ name }) => name === `server ${argv[0]}`)
    if (command === undefined) throw new Error('no such command')
    const { out } = await runCommand(command, argv.slice(1), env)
    expect(out).toContain('iLO')
    expect(out).not.toMatch(/[^\P{Cc}\n]/u)
  }
})
