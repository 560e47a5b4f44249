import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { Keyv, KeyvMemoryAdapter } from 'keyv'
import { createStore, openStore } from '../../src/store/open.ts'
import { describeStore } from './suite.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

describeStore('a store in SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isto-store-'))
  folders.push(folder)
  return (options) => openStore(folder, options)
})

describeStore('a store in another Keyv', () => {
  const kept = new Map()
  const open = <Value>(...path: readonly string[]) =>
    new Keyv<Value>({ store: new KeyvMemoryAdapter(kept), namespace: JSON.stringify(path), serialization: false })
  return async (options) => createStore({ open, sweep: async () => {}, close: async () => {} }, options)
})
