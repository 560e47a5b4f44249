/**
 * A learning step and a forward run of a denoising network, ours and PyTorch's (eager and compiled) in turn, with the
 * same weights, batch and threads: `npx node bench/step.ts --python VENV/bin/python [--model FOLDER] [--latents 8]
 * [--batch 4] [--repeats 5] [--rounds 3] [--modes eager,compiled]`. The virtual environment is that of
 * test/reference/requirements.txt.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { openDifferentiable } from '../src/compute/differentiable.ts'
import { readModel } from '../src/onnx/proto.ts'
import { median } from '../src/tensor/math.ts'
import { createRandom } from '../src/tensor/random.ts'
import { decodeSafetensors, encodeSafetensors } from '../src/tensor/safetensors.ts'
import { sizeOf, type Tensor, tensor } from '../src/tensor/tensor.ts'

interface Measured {
  /** Seconds of each. */
  readonly step: readonly number[]
  readonly forward: readonly number[]
  readonly peakRssBytes: number
  readonly loss: number
}

const { values: given } = parseArgs({
  options: {
    python: { type: 'string' },
    model: { type: 'string', default: join(import.meta.dirname, '../models/emoji') },
    latents: { type: 'string', default: '8' },
    batch: { type: 'string', default: '4' },
    repeats: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    modes: { type: 'string', default: 'eager,compiled' },
    /** The folder of the inputs. This process is one of the contestants. */
    inputs: { type: 'string' },
    gradient: { type: 'string' },
  },
})
const [batch, latents, repeats, rounds] = [given.batch, given.latents, given.repeats, given.rounds].map(Number) as [
  number,
  number,
  number,
  number,
]
const threads = availableParallelism()
const path = join(given.model, 'unet', 'model.onnx')

if (given.inputs) console.log(JSON.stringify(await measureOurs(given.inputs)))
else await compare()

async function compare() {
  const folder = await mkdtemp(join(tmpdir(), 'isto-step-'))
  try {
    const inputs = join(folder, 'inputs.safetensors')
    await writeFile(inputs, encodeSafetensors({ tensors: inputsOf(), metadata: {} }))
    const modes = given.python ? given.modes.split(',') : []
    const found = new Map<string, Measured[]>()
    for (let round = 0; round < rounds; round++) {
      for (const who of ['isto', ...modes]) {
        const gradient = join(folder, `${who}.safetensors`)
        const measured = await runChild(who, inputs, gradient)
        found.set(who, [...(found.get(who) ?? []), measured])
        console.error(`${who} ${JSON.stringify(measured)}`)
      }
    }
    console.log(`${given.model}: batch ${batch}, latents ${latents} × ${latents}, ${threads} threads\n`)
    console.log('| | step, s | ratio | forward, s | ratio | peak, MB |\n|---|---|---|---|---|---|')
    const ours = summary(found.get('isto')!)
    for (const [who, measured] of found) {
      const { step, forward, peak } = summary(measured)
      const ratios = [ours.step / step, ours.forward / forward].map((each) => each.toFixed(2))
      console.log(
        `| ${who} | ${step.toFixed(3)} | ${ratios[0]} | ${forward.toFixed(3)} | ${ratios[1]} | ${Math.round(peak / 1e6)} |`,
      )
    }
    for (const who of modes.slice(0, 1)) {
      console.log(`\nGradient, relative to ${who}'s: ${await gradientError(folder, who)}`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Medians over all rounds in seconds, the highest peak in bytes. */
function summary(measured: readonly Measured[]) {
  return {
    step: median(measured.flatMap(({ step }) => step)),
    forward: median(measured.flatMap(({ forward }) => forward)),
    peak: Math.max(...measured.map(({ peakRssBytes }) => peakRssBytes)),
  }
}

async function runChild(who: string, inputs: string, gradient: string): Promise<Measured> {
  const shared = ['--repeats', given.repeats, '--gradient', gradient]
  const command: [string, string[]] =
    who === 'isto'
      ? [process.execPath, [import.meta.filename, '--inputs', inputs, '--model', given.model, ...shared]]
      : [
          given.python!,
          [
            join(import.meta.dirname, '../test/reference/step.py'),
            given.model,
            inputs,
            '--mode',
            who,
            '--threads',
            String(threads),
            ...shared,
          ],
        ]
  const { stdout } = await promisify(execFile)(...command, { maxBuffer: 1e8 })
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}

function inputsOf(): Record<string, Tensor> {
  const random = createRandom(0)
  const normal = (...dims: number[]) => random.normal(dims)
  const inputs = new Map(readModel(path).inputs.map(({ name, dims }) => [name, dims]))
  const channels = Number(inputs.get('sample')![1])
  const width = Number(inputs.get('encoder_hidden_states')![2])
  const sample = [batch, Number.isInteger(channels) ? channels : 4, latents, latents]
  const states = inputs.get('encoder_hidden_states')!
  const length = typeof states[1] === 'number' ? states[1] : 77
  const side = 8 * latents
  return {
    sample: normal(...sample),
    timestep: tensor([batch], new Float32Array(batch).fill(500)),
    encoder_hidden_states: normal(batch, length, width),
    target: normal(...sample),
    weight: tensor(sample, new Float32Array(sizeOf(sample)).fill(1 / sizeOf(sample))),
    ...(inputs.has('text_embeds') && { text_embeds: normal(batch, Number(inputs.get('text_embeds')![1])) }),
    ...(inputs.has('time_ids') && {
      time_ids: tensor(
        [batch, 6],
        Float32Array.from({ length: 6 * batch }, (_, at) => (at % 6 === 2 || at % 6 === 3 ? 0 : side)),
      ),
    }),
  }
}

async function measureOurs(file: string): Promise<Measured> {
  const { tensors } = decodeSafetensors(await readFile(file), file)
  const { target: _target, weight: _weight, ...inputs } = tensors
  const output = readModel(path).outputs[0]!
  const by = ['encoder_hidden_states', ...('text_embeds' in inputs ? ['text_embeds'] : [])]
  const network = await openDifferentiable({
    graph: readModel(path),
    name: 'unet',
    inputDims: Object.fromEntries(Object.entries(inputs).map(([name, { dims }]) => [name, dims])),
    by,
    loss: { kind: 'weighted-mse', output },
  })
  const steps = await seconds(() => network.runWithGradient(tensors))
  const peakRssBytes = process.resourceUsage().maxRSS * 1024
  const forward = await seconds(() => network.run(inputs))
  await writeFile(given.gradient!, encodeSafetensors({ tensors: steps.result.gradients, metadata: {} }))
  await network.close()
  const loss = steps.result.loss!.data.reduce((sum, each) => sum + each, 0)
  return { step: steps.seconds, forward: forward.seconds, peakRssBytes, loss }
}

async function seconds<Result>(work: () => Promise<Result>) {
  let result = await work()
  const found: number[] = []
  for (let repeat = 0; repeat < repeats; repeat++) {
    const start = performance.now()
    result = await work()
    found.push((performance.now() - start) / 1000)
  }
  return { seconds: found, result }
}

async function gradientError(folder: string, who: string): Promise<string> {
  const [ours, theirs] = await Promise.all(
    ['isto', who].map(
      async (each) => decodeSafetensors(await readFile(join(folder, `${each}.safetensors`)), each).tensors,
    ),
  )
  const errors = Object.entries(theirs!).map(([name, { data }]) => {
    const off = Math.hypot(...data.map((value, at) => value - ours![name]!.data[at]!))
    return `${(off / Math.hypot(...data)).toExponential(1)} (${name})`
  })
  return errors.join(', ')
}
