import { arrange, byId, element, setText } from './dom.js'
import { ago, amount, duration, spans } from './format.js'

/** More would be no page that anybody reads; the number of all is told. */
const MAX_CARDS = 60
const MAX_FAILURES = 20
const MAX_LINES = 40

/** Cards by the id of their job: what is there is changed, so that focus and selection stay. */
const cards = new Map()
const failures = new Map()

/** Jobs in progress. `needEvents` is told of those whose events are not known yet. */
export function showJobs(state, now, needEvents) {
  const active = state.active()
  const shown = active.slice(0, MAX_CARDS)
  const more = active.length > shown.length ? `, ${shown.length} of them here` : ''
  setText(byId('jobs-count'), active.length === 0 ? '' : `${active.length}${more}`)
  byId('jobs-none').hidden = active.length > 0
  const wanted = new Set(shown.map(({ job_id: id }) => id))
  for (const id of cards.keys()) if (!wanted.has(id)) cards.delete(id)
  arrange(
    byId('jobs'),
    shown.map((job) => showCard(job, state, now, needEvents)),
  )
}

function showCard(job, state, now, needEvents) {
  const card = cards.get(job.job_id) ?? newCard(job)
  cards.set(job.job_id, card)
  const events = state.eventsOf(job.job_id)
  if (events === undefined) needEvents(job.job_id)
  const phase =
    job.status === 'provisioning' ? (job.phase ?? 'preparing') : job.status === 'queued' ? 'queued' : 'cleaning-up'
  const silent =
    job.silent_since === null ? '' : `, silent for ${duration((now - Date.parse(job.silent_since)) / 1000)}`
  setText(
    card.phase,
    `${phase}${job.outcome === null ? '' : ` after ${job.outcome}`}, ${duration((now - Date.parse(job.created_at)) / 1000)}${silent}`,
  )
  showProgress(card, job)
  showTimeline(card.timeline, spans(events ?? [], now))
  return card.root
}

function newCard(job) {
  const parts = {
    phase: element('p', { className: 'phase' }),
    bar: element('progress', { max: '100', 'aria-label': `progress of ${job.server_serial}` }),
    text: element('p', { className: 'quiet' }),
    timeline: element('div', { className: 'timeline', role: 'img' }),
  }
  const about = element(
    'p',
    { className: 'quiet' },
    `${job.task_target}, job ${job.job_id}${job.attempt > 1 ? `, attempt ${job.attempt}` : ''}`,
  )
  const root = element(
    'article',
    { 'data-job': job.job_id },
    element('h3', {}, job.server_serial),
    about,
    parts.phase,
    parts.bar,
    parts.text,
    parts.timeline,
  )
  return { root, ...parts }
}

function showProgress({ bar, text }, { status, progress }) {
  const counted = status === 'provisioning' && progress !== null ? amount(progress) : undefined
  bar.hidden = counted === undefined
  if (counted !== undefined) bar.value = (100 * progress.bytes) / progress.total_bytes
  setText(text, counted ?? (status === 'provisioning' ? (progress?.message ?? '') : ''))
}

/** One coloured part for each phase, as wide as it took. The texts are for those who do not see it. */
function showTimeline(bar, parts) {
  const words = parts.map(({ name, seconds }) => `${name} ${duration(seconds)}`)
  bar.hidden = parts.length === 0
  bar.setAttribute('aria-label', `phases so far: ${words.join(', ')}`)
  while (bar.children.length < parts.length)
    bar.append(element('span', { className: `segment-${bar.children.length % 5}` }))
  while (bar.children.length > parts.length) bar.lastElementChild.remove()
  for (const [index, { seconds }] of parts.entries()) {
    bar.children[index].style.flexGrow = String(Math.max(0.01, seconds))
    bar.children[index].title = words[index]
  }
}

/** The unit that failed and its last lines, newest first. */
export function showFailures(state, now) {
  const failed = state.failed().slice(0, MAX_FAILURES)
  byId('failures-none').hidden = failed.length > 0
  for (const id of failures.keys()) if (!failed.some((job) => job.job_id === id)) failures.delete(id)
  arrange(
    byId('failures'),
    failed.map((job) => {
      const entry = failures.get(job.job_id) ?? newFailure()
      failures.set(job.job_id, entry)
      setText(entry.title, `${job.server_serial}: ${job.failed_step ?? job.outcome}, ${ago(job.last_update, now)}`)
      setText(entry.lines, (job.message ?? 'It left no message.').trimEnd().split('\n').slice(-MAX_LINES).join('\n'))
      setText(entry.about, `${job.outcome}, ${job.task_target}, job ${job.job_id}`)
      return entry.root
    }),
  )
}

function newFailure() {
  const parts = {
    title: element('summary'),
    lines: element('pre', { tabindex: '0' }),
    about: element('p', { className: 'quiet' }),
  }
  return { root: element('details', {}, parts.title, parts.about, parts.lines), ...parts }
}
