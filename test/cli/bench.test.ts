import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runCommandLine } from '../../src/cli/main.ts'
import type { Job, JobResult } from '../../src/jobs/protocol.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-bench-'))
  await writeFile(
    join(folder, 'manifest.json'),
    JSON.stringify({ name: 'tiny', description: '', licence: 'MIT', files: [] }),
  )
  for (const triple of ['one', 'two']) {
    await mkdir(join(folder, 'triples', triple), { recursive: true })
    for (const name of ['a.png', 'a2.jpg', 'b.webp']) await writeFile(join(folder, 'triples', triple, name), name)
  }
  await mkdir(join(folder, 'triples', 'notes'))
})
after(() => rm(folder, { recursive: true }))

const result: JobResult = {
  image: new Uint8Array(Buffer.from('B2')),
  report: {
    model: 'tiny',
    mode: 'fast',
    seed: 0,
    seconds: { total: 2 },
    peakRssBytes: 3 * 2 ** 20,
    verdict: 'partly',
    name: 'crying',
    strength: 1.5,
    preserve: 1,
    evaluations: 290,
  },
  notices: [],
}

function start() {
  const jobs: Job[] = []
  const scripts: string[][] = []
  const run = (...words: string[]) =>
    runCommandLine(words, {
      modelsFolder: folder,
      runJob: async (job) => {
        jobs.push(job)
        return result
      },
      runScript: async (script, args) => {
        scripts.push([script, ...args])
        return 'the table'
      },
      pull: () => assert.fail(),
      add: () => assert.fail(),
      tell: () => {},
    })
  return { jobs, scripts, run }
}

test('bench quality hands its options to the script', async () => {
  const { run, scripts } = start()
  const words = ['--list', 'final', '--per-family', '3', '--rows', 'A′;SDEdit', '--json']
  assert.equal(await run('bench', 'quality', ...words), 'the table')
  const args = ['--list', 'final', '--seed', '0', '--per-family', '3', '--rows', 'A′;SDEdit', '--json']
  assert.deepEqual(scripts, [['quality/main.ts', ...args]])
  await assert.rejects(run('bench', 'quality', '--list', 'other'), /to be `tuning` or `final`, got `other`/)
  await assert.rejects(run('bench', 'quality', '--per-family', '0.5'), /whole number from 1/)
})

test('bench photos runs every triple in a folder, and writes B′ and a report', async () => {
  const { run, jobs } = start()
  const triples = join(folder, 'triples')
  const table = await run('bench', 'photos', triples, '--model', folder)
  assert.match(table, /\n\| one \| partly \| crying \| 1.5 \| 1 \| 2.0 \| 290 \| 3 MB \|\n\| two \|/)
  assert.equal(jobs.length, 2)
  const [job] = jobs
  assert.ok(job?.kind === 'analogy')
  assert.equal(Buffer.from(job.pairs[0]!.a2).toString(), 'a2.jpg')
  assert.equal(await readFile(join(triples, 'two', 'b2.png'), 'utf8'), 'B2')
  const report = JSON.parse(await readFile(join(triples, 'report.json'), 'utf8'))
  assert.deepEqual([report.length, report[1].triple, report[1].evaluations], [2, 'two', 290])
})

test('a folder without triples is said to be one', async () => {
  await assert.rejects(start().run('bench', 'photos', folder), /There is no triple in/)
})
