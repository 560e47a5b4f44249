import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Choosing, chooseDevice, type Trial, tryInChild } from '../../src/compute/device.ts'

const good: Trial = { error: 1e-6, errorInHalf: 1e-3, speedUp: 20, largestTensor: Number.POSITIVE_INFINITY }

/** A machine on which `trials` come out like this; a device that is not in it may not be tried. */
async function chosen(
  asked: Parameters<typeof chooseDevice>[0],
  machine: Partial<Choosing>,
  trials: Record<string, Trial>,
) {
  const lines: string[] = []
  const tried: string[] = []
  const { device, half, largestTensor } = await chooseDevice(asked, {
    known: ['cpu', 'webgpu', 'cuda'],
    platform: 'linux',
    hasCard: true,
    ...machine,
    tell: (line) => lines.push(line),
    tryOut: async (device) => {
      tried.push(device)
      return trials[device] ?? assert.fail(`${device} was tried`)
    },
  })
  return { device, half, largestTensor, lines, tried }
}

test('auto takes the first that is right, and tries no further', async () => {
  const { device, half, lines, tried } = await chosen('auto', {}, { cuda: good })
  assert.deepEqual(
    { device, half, lines, tried },
    { device: 'cuda', half: true, lines: ['Computing on CUDA.'], tried: ['cuda'] },
  )
})

test('auto passes by what does not load, is wrong or is slow, and says why in one line', async () => {
  const found = await chosen('auto', {}, { cuda: { refused: 'libcudnn.so.9 is missing' }, webgpu: good })
  assert.deepEqual(
    [found.device, found.lines],
    ['webgpu', ['Computing on WebGPU. Not on CUDA: libcudnn.so.9 is missing.']],
  )

  const wrong = await chosen('auto', {}, { cuda: { ...good, error: 0.02 }, webgpu: { ...good, speedUp: 0.1 } })
  assert.deepEqual(
    [wrong.device, wrong.lines],
    [
      'cpu',
      ['Computing on the CPU. CUDA: its gradients are wrong by 2e-2; WebGPU: it takes 10.0 times as long as the CPU.'],
    ],
  )
  const broken = await chosen('auto', {}, { cuda: { ...good, error: Number.NaN }, webgpu: { refused: 'no adapter' } })
  assert.equal(broken.device, 'cpu')
})

test('each platform has its order', async () => {
  const all = ['cpu', 'cuda', 'directml', 'coreml', 'webgpu'] as const
  const refused: Trial = { refused: 'no' }
  const trials = { cuda: refused, directml: refused, coreml: refused, webgpu: refused }
  const orders = { linux: ['cuda', 'webgpu'], win32: ['directml', 'webgpu'], darwin: ['webgpu', 'coreml'], aix: [] }
  for (const [platform, order] of Object.entries(orders)) {
    const { tried, device } = await chosen('auto', { known: all, platform: platform as NodeJS.Platform }, trials)
    assert.deepEqual([tried, device], [order, 'cpu'])
  }
})

test('auto tries no WebGPU on Linux where there is no card: it would be the CPU in disguise', async () => {
  const { device, tried, lines } = await chosen('auto', { known: ['cpu', 'webgpu'], hasCard: false }, {})
  assert.deepEqual([device, tried, lines], ['cpu', [], []])
})

test('a device that is asked for is used though it is slow, but not though it is wrong', async () => {
  const slow = await chosen('webgpu', { hasCard: false }, { webgpu: { ...good, speedUp: 0.1, largestTensor: 2 ** 27 } })
  assert.deepEqual([slow.device, slow.largestTensor], ['webgpu', 2 ** 27])
  const wrong = await chosen('webgpu', {}, { webgpu: { ...good, error: 0.5 } })
  assert.deepEqual(
    [wrong.device, wrong.lines],
    ['cpu', ['Computing on the CPU. WebGPU: its gradients are wrong by 5e-1.']],
  )
})

test('half precision is for devices that are exact enough in it', async () => {
  assert.equal((await chosen('cuda', {}, { cuda: { ...good, errorInHalf: 0.02 } })).half, false)
  assert.equal((await chosen('cuda', {}, { cuda: { ...good, errorInHalf: undefined } })).half, false)
})

test('what this build does not have is said without a trial', async () => {
  const { device, lines } = await chosen('directml', {}, {})
  assert.deepEqual([device, lines.length], ['cpu', 1])
  assert.match(lines[0]!, /^Computing on the CPU\. DirectML: it is not part of ONNX Runtime for linux on \w+\.$/)
  const cuda = await chosen('cuda', { known: ['cpu'] }, {})
  assert.match(cuda.lines[0]!, /CUDA: its libraries are missing; npm rebuild onnxruntime-node/)
})

test('the CPU is taken without a word', async () => {
  assert.deepEqual((await chosen('cpu', {}, {})).lines, [])
})

test('a device that is nowhere refuses in its trial', async () => {
  // DirectML is Windows', Core ML is Apple's.
  const missing = process.platform === 'win32' ? 'coreml' : 'directml'
  const trial = await tryInChild(missing)
  assert.match('refused' in trial ? trial.refused : '', /^no available backend found/)
})

test('a trial that crashes or hangs says so, and harms nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'isto-trial-'))
  try {
    const program = (name: string, source: string) => {
      const path = join(folder, name)
      writeFileSync(path, source)
      return path
    }
    const crashing = await tryInChild('webgpu', program('crash.mjs', 'process.kill(process.pid, "SIGSEGV")'))
    assert.deepEqual(crashing, { refused: 'it crashed the process that tried it (SIGSEGV)' })
    const hanging = await tryInChild('webgpu', program('hang.mjs', 'for (;;);'), 300)
    assert.deepEqual(hanging, { refused: 'it did nothing for 0.3 s' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
