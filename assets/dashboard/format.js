/** `40 s`, `3 min`, `5 h`, `2 d`. */
export function duration(seconds) {
  if (seconds < 60) return `${Math.floor(Math.max(0, seconds))} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

export function ago(time, now) {
  return `${duration((now - Date.parse(time)) / 1000)} ago`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytes(count) {
  const power = count < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(count) / 10))
  return `${(count / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`
}

/** `48 %, 52.0 MiB of 108.0 MiB, 9.1 MiB/s, 6 s left, unpacking`; undefined when nothing is counted. */
export function amount({ bytes: done, total_bytes: total, rate, eta_seconds: left, message: phase }) {
  if (done === null || total === null || total === 0) return undefined
  const parts = [`${Math.floor((100 * Math.min(done, total)) / total)} %`, `${bytes(done)} of ${bytes(total)}`]
  if (rate) parts.push(`${bytes(rate)}/s`)
  if (left !== null) parts.push(`${duration(left)} left`)
  if (phase !== null) parts.push(phase)
  return parts.join(', ')
}

/** What a job took for each of its phases, as `provisioner job show` counts: the last one still runs. */
export function spans(events, now) {
  const marks = events
    .filter(
      ({ type, message }) =>
        type === 'phase' || (type === 'status' && /^(queued|succeeded|failed|cancelled|complete)/.test(message)),
    )
    .map(({ type, message, at }) => ({ name: type === 'phase' ? message : statusName(message), at: Date.parse(at) }))
  return marks
    .map(({ name, at }, index) => ({ name, seconds: Math.max(0, ((marks[index + 1]?.at ?? now) - at) / 1000) }))
    .filter(({ name }) => name !== 'complete')
}

function statusName(message) {
  return message === 'queued' || message === 'complete' ? message : 'cleaning-up'
}
