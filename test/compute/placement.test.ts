import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpu } from '../../src/compute/hardware.ts'
import { createPlacement, lazily, type Sessions } from '../../src/compute/placement.ts'
import { graphOf } from '../../src/onnx/graph.ts'
import type { Session } from '../../src/onnx/session.ts'

/** Devices with room for so many sessions; what is opened and closed on them is written down. */
function machine(room: Readonly<Record<string, number>>, device: Sessions['device'] = 'cuda', takesTurns = false) {
  const events: string[] = []
  const open: Record<string, number> = {}
  const told: string[] = []
  const sessionsOn = (device: Sessions['device'], half: boolean): Sessions => {
    const session = (kind: string) =>
      lazily(async () => {
        if ((open[device] ?? 0) >= (room[device] ?? 0)) throw new Error('out of memory')
        open[device] = (open[device] ?? 0) + 1
        events.push(`${device} ${kind}`)
        return {
          inputs: new Map(),
          run: async () => ({}),
          close: async () => {
            open[device]!--
            events.push(`${device} ${kind} closed`)
          },
        } satisfies Session
      })
    return { device, half, forward: session('forward'), backward: session('backward') }
  }
  const hardware = { ...cpu, device, tell: (line: string) => told.push(line) } as const
  const placement = createPlacement(
    { name: 'unet', hardware, inputDims: {}, takesTurns },
    graphOf({}),
    sessionsOn,
    false,
  )
  const forward = () =>
    placement.run({}, async (at) => ({ results: await (await at.forward.get()).run({}), isRight: true }))
  const backward = () =>
    placement.learn(async (at) => ({ results: await (await at.backward.get()).run({}), isRight: true }))
  return { events, told, placement, forward, backward }
}

test('both sessions stay open where there is room for two', async () => {
  const { events, told, placement, forward, backward } = machine({ cuda: 2 })
  for (const run of [forward, backward, forward, backward]) await run()
  assert.deepEqual([events, told], [['cuda forward', 'cuda backward'], []])
  await placement.close()
  assert.equal(events.length, 4)
})

test('where there is room for one, they take turns', async () => {
  const { events, told, placement, forward, backward } = machine({ cuda: 1 })
  for (const run of [forward, forward, backward, backward, forward]) await run()
  await placement.close()
  assert.deepEqual(events, [
    'cuda forward',
    'cuda forward closed',
    'cuda backward',
    'cuda backward closed',
    'cuda forward',
    'cuda forward closed',
  ])
  assert.deepEqual(told, [])
})

test('on the CPU they take turns where that is asked for', async () => {
  const { events, placement, forward, backward } = machine({ cpu: 2 }, 'cpu', true)
  for (const run of [forward, forward, backward, backward]) await run()
  await placement.close()
  assert.deepEqual(events, ['cpu forward', 'cpu forward closed', 'cpu backward', 'cpu backward closed'])
  const free = machine({ cpu: 2 }, 'cpu')
  for (const run of [free.forward, free.backward, free.forward]) await run()
  assert.deepEqual(free.events, ['cpu forward', 'cpu backward'])
})

test('where there is room for none, the CPU computes, and it is said once', async () => {
  const { events, told, placement, forward, backward } = machine({ cuda: 0, cpu: 2 })
  for (const run of [forward, backward, forward]) await run()
  await placement.close()
  assert.deepEqual(events.slice(0, 2), ['cpu forward', 'cpu backward'])
  assert.deepEqual(told, ['unet is computed on the CPU: cuda failed (out of memory).'])
})

test('a mistake of the caller is not the device’s', async () => {
  const { told, placement } = machine({ cuda: 2 })
  const wrong = () => Promise.reject(new RangeError('Expected x to be float32 [1], got nothing'))
  await assert.rejects(placement.run({}, wrong), RangeError)
  assert.deepEqual(told, [])
})
