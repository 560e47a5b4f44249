import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { FromQueueProcess, ToQueueProcess } from '../fixtures/queue-process.ts'
import { job, ticket } from './test-queue.ts'

// Real processes, a real file, SIGKILL.

const root = mkdtempSync(join(tmpdir(), 'isto-restart-'))
const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true })
})
const newFolder = () => mkdtempSync(join(root, 'd'))

function start(folder: string, ...args: string[]) {
  const child = fork(new URL('../fixtures/queue-process.ts', import.meta.url), [folder, ...args], {
    serialization: 'advanced',
  })
  children.push(child)
  const heard: string[] = []
  let look = () => {}
  child.on('message', (message: FromQueueProcess) => {
    const { type } = message
    heard.push([type, 'id' in message && message.id, type === 'end' && message.outcome].filter(Boolean).join(' '))
    look()
  })
  const exited = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, how) => resolve(how ?? code)),
  )
  return {
    heard,
    exited,
    send: (message: ToQueueProcess) => child.send(message),
    until: (line: string) =>
      new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`“${line}” was not heard, but ${heard}`)), 30_000)
        look = () => {
          if (!heard.includes(line)) return
          clearTimeout(late)
          resolve()
        }
        look()
      }),
    kill: () => {
      child.kill('SIGKILL')
      return exited
    },
    ends: () => heard.filter((line) => line.startsWith('end ')),
  }
}

/** Its attempts are counted in the file `ticket.id` of the folder. */
function counted(folder: string, id: string, model: string, placedAt = Date.now()) {
  const { options, ...rest } = job(model)
  const prompt = join(folder, `${id}.attempts`)
  const attempts = () => (existsSync(prompt) ? readFileSync(prompt, 'utf8').length : 0)
  return {
    ticket: ticket(id, {
      placedAt,
      job: { ...rest, options: { ...options, prompt } } as typeof rest & { options: typeof options },
    }),
    attempts,
  }
}

test('killed while one runs: those that wait go on, the one that ran is tried once more, then given up', async () => {
  const folder = newFolder()
  const deadly = counted(folder, 'deadly', 'wait', Date.now())
  const others = ['b', 'c'].map((id, index) => counted(folder, id, 'slow', Date.now() + 1 + index))

  const first = start(folder)
  await first.until('open')
  for (const each of [deadly, ...others]) {
    first.send({ type: 'add', ticket: each.ticket })
    await first.until(`added ${each.ticket.id}`)
  }
  await first.until('progress deadly')
  assert.equal(await first.kill(), 'SIGKILL')
  assert.deepEqual(first.ends(), [])

  const second = start(folder)
  await second.until('progress deadly')
  await second.kill()
  assert.deepEqual(second.ends(), [])

  const third = start(folder)
  await third.until('forgotten c')
  assert.deepEqual(third.ends(), [
    'end deadly I am sorry: I was interrupted twice while I worked on this, so I gave it up.',
    'end b done',
    'end c done',
  ])
  assert.deepEqual(
    [deadly, ...others].map(({ attempts }) => attempts()),
    [2, 1, 1],
  )
  await third.kill()

  const fourth = start(folder)
  await fourth.until('open')
  const probe = counted(folder, 'probe', 'any')
  fourth.send({ type: 'add', ticket: probe.ticket })
  await fourth.until('end probe done')
  assert.deepEqual(fourth.ends(), ['end probe done'], 'nothing comes twice')
  await fourth.kill()
})

test('killed while a result is delivered: it is delivered again, not made again', async () => {
  const folder = newFolder()
  const one = counted(folder, 'one', 'any')
  const first = start(folder, 'deliver slowly')
  await first.until('open')
  first.send({ type: 'add', ticket: one.ticket })
  await first.until('end one done')
  await first.kill()

  const second = start(folder)
  await second.until('end one done')
  assert.deepEqual([second.ends(), one.attempts()], [['end one done'], 1])
  await second.kill()
})

test('killed while the pictures are fetched: it is said once that nothing comes of it', async () => {
  const folder = newFolder()
  const first = start(folder)
  await first.until('open')
  first.send({ type: 'expect', ticket: ticket('one') })
  await first.until('added one')
  await first.kill()

  const second = start(folder)
  await second.until('end one interrupted')
  await second.kill()
})

test('killed after a cancel: it stays cancelled', async () => {
  const folder = newFolder()
  const one = counted(folder, 'one', 'deaf')
  const first = start(folder, 'deliver slowly')
  await first.until('open')
  first.send({ type: 'add', ticket: one.ticket })
  await first.until('progress one')
  first.send({ type: 'cancel', id: 'one' })
  await first.until('end one Cancelled.')
  await first.kill()

  const second = start(folder)
  await second.until('end one Cancelled.')
  assert.equal(one.attempts(), 1)
  await second.kill()
})

test('parked within the ten seconds of a SIGTERM, and gone on with; as often as one likes', async () => {
  const folder = newFolder()
  const busy = counted(folder, 'busy', 'deaf', Date.now())
  const next = counted(folder, 'next', 'any', Date.now() + 1)
  for (let time = 0; time < 3; time++) {
    const bot = start(folder)
    await bot.until('open')
    if (time === 0) {
      for (const { ticket: each } of [busy, next]) bot.send({ type: 'add', ticket: each })
      await bot.until('added next')
    }
    await bot.until('progress busy')
    const asked = performance.now()
    bot.send({ type: 'park' })
    assert.equal(await bot.exited, 0)
    assert.ok(performance.now() - asked < 5000)
    assert.deepEqual(bot.ends(), [])
  }
  const bot = start(folder)
  await bot.until('progress busy')
  bot.send({ type: 'cancel', id: 'busy' })
  await bot.until('end busy Cancelled.')
  assert.equal(busy.attempts(), 4)
  await bot.kill()
})
