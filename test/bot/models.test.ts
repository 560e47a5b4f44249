import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findUsableModels } from '../../src/bot/models.ts'

test('only whole models can be chosen; of one that was never fetched nothing is said', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'isto-bot-models-'))
  context.after(() => rm(folder, { recursive: true }))
  const file = { path: 'x.json', bytes: 2, sha256: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' }
  const source = { repository: 'somebody/x', revision: 'main', bytes: 2 }
  for (const name of ['whole', 'broken', 'distant', 'begun']) {
    await mkdir(join(folder, name))
    const manifest = { name, description: '', licence: '' }
    const isRemote = name === 'distant' || name === 'begun'
    const where = isRemote ? { sources: [{ ...source, files: [{ path: 'x.json' }] }] } : { files: [file] }
    await writeFile(join(folder, name, 'manifest.json'), JSON.stringify({ ...manifest, ...where }))
  }
  await writeFile(join(folder, 'whole/x.json'), '{}')
  const files = [file, { ...file, path: 'y.json' }]
  await writeFile(join(folder, 'begun/lock.json'), JSON.stringify({ sources: [{ ...source, commit: 'c', files }] }))
  await writeFile(join(folder, 'begun/x.json'), '{}')

  const told: string[] = []
  const { names } = await findUsableModels('whole', folder, (line) => told.push(line))
  assert.deepEqual(names, ['whole'])
  assert.deepEqual(told.sort(), [
    'The model “begun” is damaged: y.json is missing. Download it again.',
    'The model “broken” is damaged: x.json is missing. Download it again.',
  ])

  await assert.rejects(
    findUsableModels('distant', folder, () => {}),
    {
      name: 'UserError',
      message: 'The model “distant” has not been downloaded yet: `npm run --silent isto -- models pull distant`.',
    },
  )
})
