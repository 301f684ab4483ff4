import { AppError } from './errors.ts'

/** The first descriptor that a service manager passes (sd_listen_fds(3)). */
const FIRST = 3

/**
 * The socket that systemd has opened for this process, if any: it stays open between two processes, so a restart refuses no
 * connection, and it may be a port that only root can open.
 * @throws `config-invalid` when there are several
 */
export function inheritedSocket(env: Readonly<Record<string, string | undefined>>): number | undefined {
  // The variables reach children too; they are meant for one process.
  if (env['LISTEN_PID'] !== String(process.pid)) return undefined
  const count = Number(env['LISTEN_FDS'])
  if (count === 1) return FIRST
  throw new AppError(
    'config-invalid',
    `Cannot use the sockets of the service manager: one is expected, ${count} were given`,
  )
}
