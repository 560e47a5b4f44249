import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lockPull } from '../../src/hub/pull-lock.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-lock-'))
})
after(() => rm(folder, { recursive: true }))

const start = () => fork(join(import.meta.dirname, '../fixtures/pull-lock-process.ts'), [folder])
const isInside = (child: ChildProcess) => once(child, 'message')
const letGo = async (child: ChildProcess) => {
  child.send('let go')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
}
const busy = { name: 'UserError', message: 'The model “x” is being pulled by another process: wait for it.' }

test('a lock is held once, in this process and in others, and let go', async () => {
  {
    using _held = lockPull({ name: 'x', folder })
    assert.throws(() => lockPull({ name: 'x', folder }), busy)
  }
  const child = start()
  await isInside(child)
  assert.throws(() => lockPull({ name: 'x', folder }), busy)
  await letGo(child)
  lockPull({ name: 'x', folder })[Symbol.dispose]()
})

test('of two processes that wait for one that is killed, only one takes over at a time', async () => {
  for (let round = 0; round < 3; round++) {
    const first = start()
    await isInside(first)
    const others = [start(), start()]
    const inside = others.map((child) => isInside(child).then(() => child))
    // What the killed one can't do any more, so that the next does not take it for one that is still inside.
    await rm(join(folder, 'inside'))
    first.kill('SIGKILL')
    const second = await Promise.race(inside)
    await letGo(second)
    const third = others.find((child) => child !== second)!
    await inside[others.indexOf(third)]
    await letGo(third)
  }
})

test('a folder that is not there is a sentence', () => {
  assert.throws(() => lockPull({ name: 'x', folder: join(folder, 'none') }), {
    name: 'UserError',
    message: /none` cannot be written: unable to open database file\.$/,
  })
})
