import { follow, logIn, logOut, request, storedLogin } from './api.js'
import { byId, setText } from './dom.js'
import { showFailures, showJobs } from './jobs.js'
import { createServers } from './servers.js'
import { createState } from './state.js'

/** However many events come: pages are drawn this often, and once a second for the times in them. */
const DRAW_MS = 300
const TICK_MS = 1_000
const LISTED = 500
const EVENTS_AT_ONCE = 4

const state = createState()
let login
let ending = new AbortController()
let drawn = false
const wanted = new Set()
let fetching = 0

const servers = createServers({ ask, state, onChange: draw })

/** An answer, or undefined when there is none; a login that has ended brings the form back. */
async function ask(path) {
  try {
    return await request(login.token, 'GET', path)
  } catch (problem) {
    if (problem.status === 401) await end('The login has ended.')
    return undefined
  }
}

function draw() {
  if (drawn) return
  drawn = true
  setTimeout(() => {
    drawn = false
    if (login === undefined) return
    const now = Date.now()
    showJobs(state, now, needEvents)
    showFailures(state, now)
    servers.show(now)
  }, DRAW_MS)
}

/** The events of cards that are shown, a few at a time. */
function needEvents(id) {
  wanted.add(id)
  while (fetching < EVENTS_AT_ONCE && wanted.size > 0) void fetchEvents()
}

async function fetchEvents() {
  const [id] = wanted
  wanted.delete(id)
  fetching++
  state.setEvents(id, [])
  const answer = await ask(`/jobs/${encodeURIComponent(id)}/events`)
  state.setEvents(id, [...(answer?.events ?? [])])
  fetching--
  draw()
  const [next] = wanted
  if (next !== undefined) needEvents(next)
}

async function reload() {
  const open = ['provisioning', 'queued', 'succeeded', 'failed'].map((status) => `status=${status}&limit=${LISTED}`)
  const ended = ['outcome=failed&limit=20', 'outcome=timeout&limit=20']
  const pages = await Promise.all([...ended, ...open].map((query) => ask(`/jobs?${query}`)))
  state.reset(pages.flatMap((page) => page?.jobs ?? []))
  draw()
  await servers.reload()
}

function onEvent({ event, data }) {
  if (event === 'job') state.put(data)
  else if (event === 'entry') state.addEvent(data.job_id, data)
  else if (event === 'reset') void reload()
  draw()
}

async function begin(found) {
  login = found
  ending = new AbortController()
  show('dashboard')
  const onOpen = (resumed) => {
    setText(byId('connection'), 'live')
    // What was missed is sent again, or a "reset" comes: only the first time there is nothing to go on from.
    if (!resumed) void reload()
  }
  const onAway = () => setText(byId('connection'), 'the controller does not answer, trying on')
  try {
    await follow(login.token, { onOpen, onEvent, onAway }, ending.signal)
  } catch (problem) {
    await end(problem.message)
  }
}

async function end(why) {
  if (login === undefined) return
  login = undefined
  ending.abort()
  await logOut()
  setText(byId('connection'), '')
  setText(byId('login-problem'), why)
  show('login')
}

function show(which) {
  for (const id of ['login', 'dashboard']) byId(id).hidden = id !== which
  byId('log-out').hidden = which === 'login'
  if (which === 'login') byId('login-form').elements.username.focus()
}

byId('log-out').addEventListener('click', () => void end(''))
byId('login-form').addEventListener('submit', (submitted) => {
  submitted.preventDefault()
  const { username, secret } = submitted.target.elements
  setText(byId('login-problem'), '')
  logIn(username.value.trim(), secret.value).then(
    (found) => {
      submitted.target.reset()
      return begin(found)
    },
    (problem) => setText(byId('login-problem'), problem.message),
  )
})
setInterval(draw, TICK_MS)

const stored = storedLogin()
if (stored === undefined) show('login')
else void begin(stored)
