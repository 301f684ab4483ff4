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

/** As the program prints a size: `1.5 GiB`, `92.0 MiB`, `108 MiB`, `512 B`. */
export function bytes(count) {
  let value = count
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024) return `${unit === 'B' || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`
    value /= 1024
  }
  return `${value.toFixed(1)} TiB`
}

/** `48 %, 52.0 MiB of 108 MiB, 9.1 MiB/s, 6 s left, unpacking`; undefined when nothing is counted. */
export function amount({ step, bytes: done, total_bytes: total, rate, eta_seconds: left, message }) {
  if (done === null || total === null || total === 0) return undefined
  // What the server has read of its medium is told by a whole sentence, with its share and rate.
  if (step === 'boot' && message !== null) return message
  const parts = [`${Math.floor((100 * Math.min(done, total)) / total)} %`, `${bytes(done)} of ${bytes(total)}`]
  if (rate) parts.push(`${bytes(rate)}/s`)
  if (left !== null) parts.push(`${duration(left)} left`)
  if (message !== null) parts.push(message)
  return parts.join(', ')
}

/** What a job took for each of its spans, as `provisioner job show` counts: the last one still runs. */
export function spans(events, now) {
  const marks = events.flatMap(({ span, at }) => (span === null ? [] : [{ name: span, at: Date.parse(at) }]))
  return marks
    .map(({ name, at }, index) => ({ name, seconds: Math.max(0, ((marks[index + 1]?.at ?? now) - at) / 1000) }))
    .filter(({ name }) => name !== 'complete')
}
