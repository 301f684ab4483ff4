import { duration } from '../shared/duration.ts'

/** `3 min ago`; the exact time is in the JSON. */
export function ago(time: string, now: Date): string {
  return `${duration((now.getTime() - Date.parse(time)) / 1000)} ago`
}
