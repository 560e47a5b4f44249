/**
 * How often B′ is right, on analogies whose true B′ is known, beside other ways of making it:
 * `npx node bench/quality/main.ts [--list tuning|final] [--per-family N] [--targets N] [--rows NAME;…] [--family NAME;…]
 * [--model FOLDER] [--seed N] [--batch N] [--out FOLDER] [--json]`, which `isto bench quality` calls. Every result is written to
 * FOLDER/results.jsonl as it comes, and what is there already isn't made again.
 */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadWorld } from '../../models/emoji/train/icons.ts'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { countEvaluations } from '../../src/engine/evaluations.ts'
import { readReference } from '../../src/hub/reference.ts'
import { contactSheet, drawSvg, encodePng } from '../../src/image/encode.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { gradeOf } from './grades.ts'
import { createDrawing, type Task } from './pictures.ts'
import { type Graded, plotOf, summaryOf, tableOf } from './report.ts'
import { ROWS, USUAL } from './rows.ts'
import { type List, type SceneTask, scenesOf } from './scenes.ts'

const root = join(import.meta.dirname, '../..')
const { values } = parseArgs({
  options: {
    list: { type: 'string', default: 'tuning' },
    'per-family': { type: 'string', default: '1' },
    targets: { type: 'string', default: '2' },
    rows: { type: 'string' },
    family: { type: 'string' },
    model: { type: 'string', default: 'emoji' },
    seed: { type: 'string', default: '0' },
    batch: { type: 'string', default: '6' },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const names = values.rows?.split(';') ?? USUAL
for (const name of names) if (!ROWS[name]) throw new Error(`There is no row “${name}”: ${Object.keys(ROWS).join('; ')}`)
const seed = Number(values.seed)
const counted = countEvaluations(
  await loadModel({
    layout: await readLayout(readReference(values.model, join(root, 'models'))),
    learningBatch: Number(values.batch),
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  }),
)
const model = captioningOnce(counted.model)
const world = await loadWorld('trained')
const draw = createDrawing(model.side)
const results: Graded[] = []
const done = new Map<string, Graded[]>()
const log = values.out && join(values.out, 'results.jsonl')
const pictures: { label: string; isRight: boolean; tiles: Tensor[] }[] = []
if (values.out) await mkdir(values.out, { recursive: true })
if (log) for (const each of await earlier(log)) done.set(keyOf(each), [...(done.get(keyOf(each)) ?? []), each])

const tasks: { task: Task; scenes: SceneTask }[] = []
for (const scenes of scenesOf(
  values.list as List,
  Number(values['per-family']),
  Number(values.targets),
  values.family?.split(';'),
))
  tasks.push({ task: await draw(scenes), scenes })
for (const row of names) {
  for (const { task, scenes } of tasks)
    results.push(...(done.get(keyOf({ row, task: task.name })) ?? (await graded(row, task, scenes))))
}
await report()
await model.close()

async function graded(row: string, task: Task, scenes: SceneTask): Promise<Graded[]> {
  const [start, before] = [performance.now(), counted.evaluations()]
  const outcomes = await ROWS[row]!({ model, task, scenes, world, seed })
  const seconds = (performance.now() - start) / 1000
  const evaluations = counted.evaluations() - before
  const found: Graded[] = []
  for (const [index, { made, ...said }] of outcomes.entries()) {
    const target = task.targets[index]!
    const grade = await gradeOf(made, target, task, model.joint)
    const { name: family, kind, isUnnamed = false } = task.family
    const one: Graded = {
      row,
      task: task.name,
      target: index,
      family,
      kind,
      isUnnamed,
      seconds,
      evaluations,
      ...said,
      ...grade,
    }
    found.push(one)
    if (row === 'learned alone')
      pictures.push({ label: task.name, isRight: grade.right, tiles: [task.a, task.a2, target.b, made, target.truth] })
    console.error(
      `${row} | ${task.name} | ${grade.right ? 'right' : 'wrong'} ${grade.error.toFixed(3)} ${said.name ?? ''}`,
    )
  }
  if (log) await appendFile(log, found.map((each) => `${JSON.stringify(each)}\n`).join(''))
  return found
}

async function report() {
  const summary = summaryOf(results)
  console.log(
    values.json ? JSON.stringify({ list: values.list, model: values.model, seed, ...summary }) : tableOf(summary),
  )
  if (!values.out) return
  await writeFile(join(values.out, 'accuracy-and-preservation.png'), await drawSvg(plotOf(summary, 'outside')))
  await writeFile(join(values.out, 'accuracy-and-evaluations.png'), await drawSvg(plotOf(summary, 'evaluations')))
  if (pictures.length === 0) return
  const rows = pictures.filter(({ isRight }) => !isRight).slice(0, 24)
  const sheet = await Promise.all(rows.map(({ tiles }) => Promise.all(tiles.map((tile) => encodePng(tile)))))
  if (sheet.length > 0) await writeFile(join(values.out, 'failures.png'), await contactSheet(sheet, { cell: 96 }))
  const all = await Promise.all(pictures.map(({ tiles }) => Promise.all(tiles.map((tile) => encodePng(tile)))))
  await writeFile(join(values.out, 'all.png'), await contactSheet(all, { cell: 64 }))
}

function keyOf({ row, task }: { row: string; task: string }) {
  return `${row} | ${task}`
}

async function earlier(path: string): Promise<Graded[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

/** Captions are asked for again by every row. */
function captioningOnce(original: DiffusionModel): DiffusionModel {
  const kept = new Map<Tensor, ReturnType<NonNullable<DiffusionModel['caption']>>>()
  if (!original.caption) return original
  const caption: DiffusionModel['caption'] = (picture, like) => {
    const found = kept.get(picture) ?? original.caption!(picture, like)
    kept.set(picture, found)
    return found
  }
  return { ...original, caption }
}
