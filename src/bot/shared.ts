import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'
import type { FollowUp } from '../discord/delivery/result-action.ts'
import { groupOf, isOurs } from '../discord/gateway/shards.ts'
import { openBoss } from '../jobs/boss.ts'
import { createSharedQueue } from '../jobs/shared-queue.ts'
import type { Log } from '../log.ts'
import { openSharedStore } from '../store/open.ts'
import { openPostgres, type Postgres } from '../store/postgres.ts'
import type { Backend } from './backend.ts'
import { modelsFolder, readKnowledge } from './models.ts'

/** One of any number of processes that share a Postgres; workers compute (worker-machine.ts). @throws UserError */
export async function openShared(config: Config, databaseUrl: string, log: Log): Promise<Backend> {
  const postgres = await openPostgres(databaseUrl, log.warn)
  const group = groupOf(config.shards)
  await beTheOnlyOne(postgres.hold, group, log.warn)
  const store = await openSharedStore(postgres, { resultBytes: config.resultBytes })
  const boss = await openBoss({ postgres, isKeeper: true, log: log.error })
  const queue = createSharedQueue<FollowUp>({
    postgres,
    boss,
    group,
    log: log.error,
    owns: (scope) => isOurs(config.shards, scope),
  })
  let names: readonly string[] = []
  const look = async () => {
    names = [...new Set((await queue.workers()).flatMap(({ models }) => models))].sort()
  }
  const models = {
    get names() {
      return names.length > 0 ? names : [usual]
    },
    usual: basename(config.model),
    knows: await readKnowledge(modelsFolder),
  }
  const { usual } = models
  const looking = setInterval(() => void look().catch(() => {}), 5000)
  return {
    store,
    queue,
    models,
    exclusively: postgres.exclusively,
    warm: async () => {
      await look()
      const count = (await queue.workers()).length
      if (count === 0) log.warn('No worker is connected yet: start one with `npm run worker`, here or elsewhere.')
      return count === 1 ? 'one worker is connected' : `${count} workers are connected`
    },
    park: queue.park,
    close: async () => {
      clearInterval(looking)
      await store.close()
    },
  }
}

/** Two processes with the same shards would both answer every command. Waits until the other one has ended. */
async function beTheOnlyOne(hold: Postgres['hold'], group: string, warn: (line: string) => void) {
  const held = hold(`bot ${group}`, () => {
    warn('While Postgres was away, another process took over the same shards; leaving.')
    process.kill(process.pid, 'SIGTERM')
  })
  const late = sleep(3000, 'late', { ref: false })
  if ((await Promise.race([held, late])) === 'late') {
    warn('Another process answers the same shards; waiting until it has ended.')
  }
  await held
}
