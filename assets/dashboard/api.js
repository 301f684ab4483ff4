/** The token lives as long as the tab: sessionStorage is of this origin and this tab alone. */
const KEY = 'provisioner-login'
/** Of the token that is made for a user; it may only read. */
const TOKEN_HOURS = 12
const MAX_WAIT_MS = 30_000

export function storedLogin() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') ?? undefined
}

/** The controller's own words, or that it cannot be reached. */
export class Problem extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** A user gets a token that may only read; a token is taken as it is. */
export async function logIn(username, secret) {
  const login = username === '' ? { token: secret } : await tokenFor(username, secret)
  await request(login.token, 'GET', '/whoami')
  sessionStorage.setItem(KEY, JSON.stringify(login))
  return login
}

export async function logOut() {
  const login = storedLogin()
  sessionStorage.removeItem(KEY)
  if (login?.id !== undefined) await request(login.token, 'DELETE', `/tokens/${login.id}`).catch(() => undefined)
}

async function tokenFor(username, password) {
  const bytes = new TextEncoder().encode(`${username}:${password}`)
  const authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`
  const expires = new Date(Date.now() + TOKEN_HOURS * 3_600_000).toISOString()
  const body = JSON.stringify({ name: 'dashboard', role: 'reader', expires_at: expires })
  const { id, token } = await ask('POST', '/tokens', { authorization, 'content-type': 'application/json' }, body)
  return { id, token }
}

export function request(token, method, path) {
  return ask(method, path, { authorization: `Bearer ${token}` })
}

async function ask(method, path, headers, body) {
  // Without credentials the browser never asks for a password by itself.
  const init = { method, headers, credentials: 'omit', cache: 'no-store', ...(body !== undefined && { body }) }
  const answer = await fetch(`/api/v1${path}`, init).catch(() => {
    throw new Problem(0, 'The controller cannot be reached.')
  })
  if (answer.status === 204) return undefined
  const content = await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Problem(answer.status, content.detail ?? `The controller answered ${answer.status}.`)
  return content
}

/**
 * Follows the events of all jobs until the signal aborts or the token is refused. `onOpen` is told of each new connection
 * before its first event.
 */
export async function follow(token, { onOpen, onEvent, onAway }, signal) {
  let lastId
  for (let wait = 1_000; !signal.aborted; wait = Math.min(2 * wait, MAX_WAIT_MS)) {
    try {
      const headers = {
        authorization: `Bearer ${token}`,
        accept: 'text/event-stream',
        ...(lastId !== undefined && { 'last-event-id': lastId }),
      }
      const answer = await fetch('/api/v1/events?progress=true', {
        headers,
        credentials: 'omit',
        cache: 'no-store',
        signal,
      })
      if (answer.status === 401) throw new Problem(401, 'The login has ended.')
      if (answer.ok) {
        wait = 500
        onOpen(lastId !== undefined)
        for await (const event of eventsOf(answer.body)) {
          lastId = event.id ?? lastId
          onEvent(event)
        }
      }
    } catch (error) {
      if (error.status === 401) throw error
    }
    if (signal.aborted) return
    onAway()
    await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)))
  }
}

/** Server-sent events (HTML standard, section 9.2); `EventSource` could not send the token. */
async function* eventsOf(stream) {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const frames = (rest + decoder.decode(value, { stream: true })).split('\n\n')
    rest = frames.pop()
    for (const frame of frames) {
      const fields = new Map(
        frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      if (fields.has('data'))
        yield { id: fields.get('id'), event: fields.get('event'), data: JSON.parse(fields.get('data')) }
    }
  }
}
