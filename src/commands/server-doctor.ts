import { CONTROLLER_OPTIONS, openController } from '../client/controller.ts'
import type { DiagnosisView } from '../server/routes/views.ts'
import { answer, JSON_OPTION } from './answer.ts'
import type { Command } from './command.ts'
import { printable } from './printable.ts'

/** The controller itself gives up after 140 s, and then ejects. */
const ANSWER_MS = 240_000

const MARKS: Readonly<Record<DiagnosisView['findings'][number]['state'], string>> = {
  ok: 'ok',
  warning: 'WARN',
  failed: 'FAIL',
  skipped: '-',
}

/** `provisioner server doctor`: is this server fit for a job? */
export const doctor: Command = {
  name: 'server doctor',
  summary: 'Examine a server and its BMC without a reboot',
  positionals: ['SERIAL'],
  options: { ...JSON_OPTION, ...CONTROLLER_OPTIONS },
  examples: ['provisioner server doctor SN123'],
  async run(invocation) {
    const { io } = invocation
    const controller = await openController(invocation, ANSWER_MS)
    if (io.interactive) io.err('Examining the server; this takes up to two minutes ...\n')
    const report = await controller.post<DiagnosisView>(
      `/servers/${encodeURIComponent(invocation.arg('SERIAL'))}/doctor`,
    )
    answer(invocation, report, () => printable(doctorText(report)))
    return report.healthy ? 0 : 1
  },
}

/** A line for each finding, with what to do below it. */
export function doctorText({ serial, healthy, findings }: DiagnosisView): string {
  const lines = findings.flatMap(({ check, state, message, advice }) => [
    `${MARKS[state].padEnd(5)} ${check.padEnd(10)} ${message}`,
    ...(advice === null ? [] : [`${' '.repeat(16)} -> ${advice}`]),
  ])
  const isFaulty = findings.some(({ state }) => state === 'failed')
  const not = isFaulty ? 'is not fit for jobs yet' : 'may be fit for jobs: its BMC was not seen to fetch a medium'
  const verdict = healthy ? `${serial} is fit for jobs.` : `${serial} ${not}.`
  return `${[...lines, verdict].join('\n')}\n`
}
