import type { Endpoints } from '../http/endpoint.ts'
import { json } from '../http/endpoint.ts'
import type { Handlers } from '../http/mount.ts'
import { record } from '../http/schema.ts'

export interface HealthRouteDeps {
  /** Throws while the controller cannot do its work. */
  ready(): Promise<void>
}

const HEALTH = record('Health', { status: { type: 'string' } })

export const HEALTH_ENDPOINTS = {
  getHealth: {
    method: 'GET',
    path: '/healthz',
    may: 'anyone',
    summary: 'Does the process answer?',
    answers: { 200: json('It does', HEALTH) },
  },
  getReadiness: {
    method: 'GET',
    path: '/readyz',
    may: 'anyone',
    summary: 'Can the controller do its work?',
    answers: { 200: json('It can', HEALTH) },
    errors: ['not-ready'],
  },
} as const satisfies Endpoints

export function healthHandlers({ ready }: HealthRouteDeps): Handlers<typeof HEALTH_ENDPOINTS> {
  return {
    getHealth: ({ reply }) => reply(200, { status: 'ok' }),
    async getReadiness({ reply }) {
      await ready()
      return reply(200, { status: 'ready' })
    },
  }
}
