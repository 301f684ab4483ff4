// Stands for the controller inside the container: keeps every post, and ends the boot a while after the first report. It
// lives until the very end of the shutdown, so a report that is sent only then is seen too.
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'

const GRACE_MS = 1500
const LIMIT_MS = 40_000
let reported = false

createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text) => {
    body += text
  })
  request.on('end', () => {
    appendFileSync('/t/posts.jsonl', `${JSON.stringify({ path: request.url, body })}\n`)
    response.writeHead(200).end()
    if (!reported && request.url?.includes('status-webhook')) {
      reported = true
      setTimeout(powerOff, GRACE_MS)
    }
  })
}).listen(8099, '127.0.0.1')

setTimeout(powerOff, LIMIT_MS)

function powerOff() {
  spawnSync('systemctl', ['--no-block', 'poweroff'])
}
