import { AppError } from './errors.ts'

/** The first descriptor that a service manager passes (sd_listen_fds(3)). */
const FIRST = 3
/** The one for everything, then the one for media alone: the order in the socket unit. */
const MOST = 2

/**
 * The sockets that systemd has opened for this process: they stay open between two processes, so a restart refuses no
 * connection, and they may be ports that only root can open.
 * @throws `config-invalid` when there are more than the unit of `provisioner install` has
 */
export function inheritedSockets(env: Readonly<Record<string, string | undefined>>): readonly number[] {
  // The variables reach children too; they are meant for one process.
  if (env['LISTEN_PID'] !== String(process.pid)) return []
  const count = Number(env['LISTEN_FDS'])
  if (Number.isSafeInteger(count) && count >= 1 && count <= MOST) {
    return Array.from({ length: count }, (_, index) => FIRST + index)
  }
  throw new AppError(
    'config-invalid',
    `Cannot use the sockets of the service manager: one or ${MOST} are expected, ${count} were given`,
  )
}
