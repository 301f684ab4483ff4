import type { ServeConfig } from '../config.ts'
import type { Logger } from '../shared/log.ts'
import type { Reloading } from '../shared/reload.ts'
import { budgetsWith } from './jobs/budgets.ts'
import type { Conversations } from './jobs/conversations.ts'
import { createConversations } from './jobs/conversations.ts'
import type { Budgets } from './jobs/ports.ts'

/** Settings that are taken over on SIGHUP; what has begun keeps what it began with. */
export interface LiveSettings {
  readonly conversations: Conversations
  budgetsNow(): Budgets
  keepDays(): number
  /** What takes them over. The registry itself reads its policy again. */
  readonly apply: Reloading<ServeConfig>['apply']
}

export function liveSettings(
  config: Pick<ServeConfig, 'workers' | 'budgets' | 'keepJobs'>,
  log: Logger,
  exchangeImage: (path: string | undefined) => Promise<void>,
): LiveSettings {
  const conversations = createConversations(config.workers)
  let budgets = budgetsWith(config.budgets)
  let { keepJobs } = config
  return {
    conversations,
    budgetsNow: () => budgets,
    keepDays: () => keepJobs,
    apply: {
      logLevel(level) {
        log.level = level
      },
      workers: conversations.resize,
      budgets(minutes) {
        budgets = budgetsWith(minutes)
      },
      keepJobs(days) {
        keepJobs = days
      },
      maintenanceIso: exchangeImage,
    },
  }
}
