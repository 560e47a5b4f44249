import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFairQueue } from '../../src/jobs/fair-queue.ts'
import { createRandom } from '../../src/tensor/random.ts'

/** Jobs are written "server/person/number". */
function queueOf(...ids: string[]) {
  const fair = createFairQueue()
  const queue = new fair.queueClass()
  const taken: string[] = []
  const join = (id: string) => {
    const [scope, person] = id.split('/')
    queue.enqueue(async () => taken.push(id), { id, scope, person })
  }
  const take = () => void queue.dequeue()?.()
  ids.forEach(join)
  return { ...fair, queue, taken, join, take }
}

test('one person’s ten jobs do not make another wait for all ten', () => {
  const tens = Array.from({ length: 10 }, (_, number) => `s/ann/${number}`)
  const { order } = queueOf(...tens, 's/bob/0', 's/bob/1')
  assert.deepEqual(order().slice(0, 5), ['s/ann/0', 's/bob/0', 's/ann/1', 's/bob/1', 's/ann/2'])
})

test('a server of many people has no more turns than a server of one', () => {
  const crowd = ['big/ann/0', 'big/bob/0', 'big/cid/0', 'big/dan/0']
  const { order } = queueOf(...crowd, 'small/eve/0', 'small/eve/1')
  assert.deepEqual(order(), ['big/ann/0', 'small/eve/0', 'big/bob/0', 'small/eve/1', 'big/cid/0', 'big/dan/0'])
})

test('who was served waits for who was not, even when the other came later', () => {
  const { take, join, order } = queueOf('s/ann/0', 's/ann/1', 's/ann/2')
  take()
  join('s/bob/0')
  assert.deepEqual(order(), ['s/bob/0', 's/ann/1', 's/ann/2'])
  take()
  join('t/cid/0')
  assert.deepEqual(order(), ['t/cid/0', 's/ann/1', 's/ann/2'])
})

test('what is taken out is not taken', () => {
  const { remove, order, queue } = queueOf('s/ann/0', 's/bob/0', 's/ann/1')
  remove('s/bob/0')
  remove('s/nobody/0')
  assert.deepEqual(order(), ['s/ann/0', 's/ann/1'])
  assert.equal(queue.size, 2)
})

test('the order that is foretold is the order that comes, and everyone has a turn in each round', () => {
  const random = createRandom(7)
  const pick = (count: number) => Math.floor(random.uniform() * count)
  const { queue, order, taken, join, take } = queueOf()
  for (let number = 0; number < 1000; number++) {
    join(`s${pick(5)}/p${pick(8)}/${number}`)
    if (pick(3) === 0) take()
  }
  const foretold = [...taken, ...order()]
  const before = taken.length
  while (queue.size > 0) take()
  assert.deepEqual(taken, foretold)
  // While all five servers wait, five turns in a row belong to five servers.
  const servers = taken.slice(before, before + 50).map((id) => id.split('/')[0])
  for (let turn = 0; turn < 50; turn += 5) assert.equal(new Set(servers.slice(turn, turn + 5)).size, 5)
})
