import type { ServeConfig } from '../../../src/config.ts'

/** A quiet controller on a free port, without TLS and without a maintenance image. */
export function configOf(change: Partial<ServeConfig> & Pick<ServeConfig, 'dataDir'>): ServeConfig {
  return {
    host: '127.0.0.1',
    port: 0,
    listenFd: undefined,
    mediaListen: undefined,
    mediaListenFd: undefined,
    publicUrl: 'http://127.0.0.1:1',
    mediaUrl: undefined,
    maintenanceIso: undefined,
    adminTokenFile: undefined,
    registryPolicy: undefined,
    workers: 1,
    budgets: {},
    keepJobs: 0,
    logLevel: 'silent',
    metricsOpen: false,
    allowLoopbackBmc: false,
    tlsFiles: undefined,
    tls: false,
    ...change,
  }
}
