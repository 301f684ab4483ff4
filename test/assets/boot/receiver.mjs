// Stands for the controller and, on a port of its own, its registry inside the container: keeps every post, and ends the boot a while after the
// first report, or after a reporter had nobody to report to. It lives until the very end of the shutdown, so a report that
// is sent only then is seen too.
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const GRACE_MS = 1500
const LIMIT_MS = 200_000
const registry = JSON.parse(readFileSync('/t/registry.json', 'utf8'))
const isOver = existsSync('/t/over')
const isCut = existsSync('/t/cut')
let ending = false

const registryServer = createServer(({ url }, response) => {
  const body = registry[url]
  if (isCut && body !== undefined && url.includes('/blobs/')) return sendHalf(response, Buffer.from(body, 'latin1'))
  const type = url.includes('/manifests/') ? 'application/vnd.oci.image.manifest.v1+json' : 'text/plain'
  response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body, 'latin1')
}).listen(8098, '127.0.0.1')

function sendHalf(response, body) {
  response.writeHead(200, { 'content-length': body.length }).write(body.subarray(0, body.length / 2), () => {
    registryServer.close()
    registryServer.closeAllConnections()
  })
}

createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text) => {
    body += text
  })
  request.on('end', () => {
    appendFileSync('/t/posts.jsonl', `${JSON.stringify({ path: request.url, body })}\n`)
    response.writeHead(isOver && body.includes('"event":true') ? 409 : 200).end()
    if (request.url?.includes('status-webhook')) end()
  })
}).listen(8099, '127.0.0.1')

process.on('SIGUSR1', end)
setTimeout(powerOff, LIMIT_MS)

function end() {
  if (!ending) setTimeout(powerOff, GRACE_MS)
  ending = true
}

function powerOff() {
  const journal = openSync('/t/journal', 'w')
  spawnSync('journalctl', ['--boot', '--output=cat', '--no-pager'], { stdio: ['ignore', journal, journal] })
  spawnSync('systemctl', ['--no-block', 'poweroff'])
}
