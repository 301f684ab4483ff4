import { openDatabase } from '../../src/server/store/database.ts'
import { newJobId } from '../../src/shared/ids.ts'
import { transaction } from '../../src/shared/sqlite.ts'

const DAY = 86_400_000

/** Jobs of the past: complete, each with a history as a real one has. Written into the database of a controller that is off. */
export function seedOldJobs(path: string, count: number, servers: readonly string[], now: Date): void {
  const db = openDatabase(path)
  const names = ['id', 'server_serial', 'status', 'phase', 'outcome', 'task_target', 'attempt', 'media_token']
  const columns = [...names, 'created_at', 'updated_at', 'version']
  const job = db.prepare(`INSERT INTO jobs (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`)
  const text = db.prepare('INSERT INTO recipes VALUES (?, ?)')
  const entry = db.prepare('INSERT INTO history (job_id, seq, at, type, message) VALUES (?, ?, ?, ?, ?)')
  const recipe = `${JSON.stringify({ task_target: 'install-linux.target', user_data: 'x'.repeat(600) }, null, 2)}\n`
  transaction(db, () => {
    for (let index = 0; index < count; index++) {
      const at = new Date(now.getTime() - DAY - (count - index) * 1000)
      const time = at.toISOString()
      const id = newJobId(at)
      const serial = servers[index % servers.length] ?? ''
      const facts = [id, serial, 'complete', 'cleaning-up', index % 9 === 0 ? 'failed' : 'success']
      job.run(...facts, 'install-linux.target', 1, `old-${index}`, time, time, 9)
      text.run(id, recipe)
      for (let seq = 1; seq <= 8; seq++) entry.run(id, seq, time, 'phase', `step ${seq}`)
    }
  })
  db.close()
}
