import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findModel } from '../../src/hub/catalog.ts'
import { pullModel } from '../../src/hub/pull.ts'

// Pulls as a process of its own: `pull-child.ts FOLDER URL [bytes that another file takes meanwhile]`.

const [folder = '', url = '', taken = '0'] = process.argv.slice(2)
let isTaken = taken === '0'
try {
  const { fetched } = await pullModel(await findModel(folder, '.'), {
    url,
    signal: new AbortController().signal,
    onProgress: ({ stage, bytes }) => {
      if (isTaken || stage === 'check' || bytes === 0) return
      isTaken = true
      void writeFile(join(folder, 'other'), Buffer.alloc(Number(taken), 'x')).catch(() => {})
    },
  })
  console.log(`fetched ${fetched}`)
} catch (error) {
  console.log(String(error))
}
