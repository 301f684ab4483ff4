/** What the page knows: jobs as they were last told of, and the events of those that are shown. */

const FAILED = ['failed', 'timeout']
/** Complete jobs that are remembered for the state of their servers. */
const MAX_ENDED = 500

export function createState() {
  const jobs = new Map()
  const events = new Map()

  return {
    /** Streams and lists come in any order: the newer one stays. */
    put(job) {
      const known = jobs.get(job.job_id)
      if (known !== undefined && known.last_update > job.last_update) return
      jobs.delete(job.job_id)
      jobs.set(job.job_id, job)
      if (job.status === 'complete') events.delete(job.job_id)
      if (jobs.size > 2 * MAX_ENDED) this.forgetOld()
    },
    forgetOld() {
      const ended = [...jobs.values()].filter(
        ({ status, outcome }) => status === 'complete' && !FAILED.includes(outcome),
      )
      for (const { job_id: id } of ended.slice(0, -MAX_ENDED)) jobs.delete(id)
    },
    /** Begins anew with what the lists say. */
    reset(listed) {
      jobs.clear()
      events.clear()
      for (const job of listed) this.put(job)
    },
    active: () => [...jobs.values()].filter(({ status }) => status !== 'complete').sort(byProgress),
    failed: () => [...jobs.values()].filter(({ outcome }) => FAILED.includes(outcome)).sort(newestFirst),
    /** The newest job of a server that is known here. */
    ofServer: (serial) => [...jobs.values()].filter((job) => job.server_serial === serial).sort(newestFirst)[0],

    eventsOf: (id) => events.get(id),
    setEvents(id, list) {
      for (const event of events.get(id) ?? []) if (!list.some(({ seq }) => seq === event.seq)) list.push(event)
      events.set(
        id,
        list.sort((a, b) => a.seq - b.seq),
      )
    },
    addEvent(id, event) {
      const list = events.get(id)
      if (list !== undefined && !list.some(({ seq }) => seq === event.seq)) list.push(event)
    },
  }
}

const ORDER = ['provisioning', 'failed', 'succeeded', 'queued']

function byProgress(a, b) {
  return ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || newestFirst(a, b)
}

/** Ids begin with the time. */
function newestFirst(a, b) {
  return a.job_id < b.job_id ? 1 : -1
}
