/**
 * What models cost to open, to learn with and in memory, in turns: `npx node bench/full-size.ts MODEL... [--rounds 2]
 * [--repeats 3]`, each as `MODEL` in `.env` says it. Every round is a process of its own for each model: the first finds no
 * gradient graph, later ones find it. test/reference/full_size.py makes models at their real sizes, with random weights.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Report } from '../src/jobs/protocol.ts'
import { startWorker } from '../src/jobs/worker-client.ts'
import { median } from '../src/tensor/math.ts'

const { values, positionals: models } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '2' }, repeats: { type: 'string', default: '3' } },
})
const [rounds, repeats] = [Number(values.rounds), Number(values.repeats)]
const cacheFolder = await mkdtemp(join(tmpdir(), 'isto-full-size-'))
const found = new Map<string, Report[]>(models.map((model) => [model, []]))
try {
  for (let round = 0; round < rounds; round++) {
    for (const model of models) {
      const worker = startWorker({
        path: new URL('../src/worker/main.ts', import.meta.url),
        args: [join(cacheFolder, `${models.indexOf(model)}`)],
      })
      const { report } = await worker.run({ kind: 'bench-step', repeats, options: { model, mode: 'fast', seed: 0 } })
      await worker.close()
      found.get(model)!.push(report)
      console.error(model, JSON.stringify(report))
    }
  }
} finally {
  await rm(cacheFolder, { recursive: true })
}

const opening = ({ seconds, bench }: Report) => (seconds.load ?? 0) + bench!.openMs / 1000
const stepOf = (reports: readonly Report[]) => median(reports.map(({ bench }) => bench!.stepMs)) / 1000
const first = stepOf(found.get(models[0]!)!)
console.log(`${availableParallelism()} cores, ${rounds} rounds of ${repeats} steps\n`)
console.log('| model | opens without a gradient graph, s | with one, s | learning step, s | to the first | peak, GB |')
console.log(`|${'---|'.repeat(6)}`)
for (const [model, reports] of found) {
  const [cold, ...others] = reports.map(opening) as [number, ...number[]]
  const peak = Math.max(...reports.map(({ peakRssBytes }) => peakRssBytes)) / 1e9
  const [step, warm] = [stepOf(reports), median(others)]
  console.log(
    `| ${[model, cold.toFixed(1), warm.toFixed(1), step.toFixed(2), (step / first).toFixed(2), peak.toFixed(2)].join(' | ')} |`,
  )
}
