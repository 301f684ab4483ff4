import { arrange, byId, element, setText } from './dom.js'
import { ago } from './format.js'

const PAGE = 50
/** Between the last key and the question. */
const PAUSE_MS = 250

/** The servers of a search, page by page, each with what its newest job says of it. */
export function createServers({ ask, state, onChange }) {
  let servers = []
  let next = null
  let asked = 0
  let timer
  const rows = new Map()
  /** Serial numbers whose newest job was asked for. */
  const known = new Set()

  async function load(cursor) {
    const turn = ++asked
    const search = byId('search').value.trim()
    const query = new URLSearchParams({
      limit: String(PAGE),
      ...(search !== '' && { search }),
      ...(cursor !== null && { cursor }),
    })
    const page = await ask(`/servers?${query}`)
    if (turn !== asked || page === undefined) return
    servers = cursor === null ? page.servers : [...servers, ...page.servers]
    next = page.next
    onChange()
    for (const { serial } of page.servers) await learn(serial)
  }

  /** The job of a server that is shown, unless it is here already. */
  async function learn(serial) {
    if (known.has(serial) || state.ofServer(serial) !== undefined) return
    known.add(serial)
    const page = await ask(`/jobs?${new URLSearchParams({ server: serial, limit: '1' })}`)
    for (const job of page?.jobs ?? []) state.put(job)
    onChange()
  }

  byId('search').addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(() => void load(null), PAUSE_MS)
  })
  byId('more-servers').addEventListener('click', () => void load(next))

  return {
    reload() {
      known.clear()
      return load(null)
    },
    show(now) {
      byId('servers-none').hidden = servers.length > 0
      byId('more-servers').hidden = next === null
      for (const serial of rows.keys()) if (!servers.some((server) => server.serial === serial)) rows.delete(serial)
      arrange(
        byId('servers'),
        servers.map((server) => showRow(server, now)),
      )
    },
  }

  function showRow({ serial, vendor, bmc }, now) {
    const row = rows.get(serial) ?? newRow(serial)
    rows.set(serial, row)
    const [text, look] = stateOf(state.ofServer(serial), now)
    setText(row.state, text)
    row.state.className = look
    setText(row.bmc, vendor === null ? bmc.url : `${bmc.url}, ${vendor}`)
    return row.root
  }
}

function newRow(serial) {
  const parts = { state: element('td'), bmc: element('td') }
  return { root: element('tr', { 'data-serial': serial }, element('td', {}, serial), parts.state, parts.bmc), ...parts }
}

/** In words first; the colour only repeats them. */
function stateOf(job, now) {
  if (job === undefined) return ['no job yet', 'quiet']
  if (job.status === 'queued') return ['waits for its job', '']
  if (job.status === 'provisioning') return [`being provisioned: ${job.phase ?? 'preparing'}`, '']
  if (job.status !== 'complete') return ['being cleaned up', '']
  if (job.outcome === 'success') return [`provisioned ${ago(job.last_update, now)}`, 'good']
  return [
    `${job.outcome}${job.failed_step === null ? '' : ` in ${job.failed_step}`}, ${ago(job.last_update, now)}`,
    'bad',
  ]
}
