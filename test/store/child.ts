import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SavedDifference } from '../../src/store/differences.ts'
import { openStore, type Store } from '../../src/store/open.ts'

/** A process of its own for the tests that need one: `node child.ts ROLE FOLDER`. Tells what it did line by line. */
const roles: Record<string, (folder: string) => Promise<void>> = {
  /** Saves until it is killed; says each name when it is saved. */
  async write(folder) {
    const store = await openStore(folder)
    for (let index = 0; ; index++) {
      await store.differences.save('1', filled(`d${index}`), { limit: Infinity })
      console.log(`d${index}`)
      if (index % 3 === 2) await store.differences.save('1', filled(`d${index - 1}`), { replace: true })
      if (index % 5 === 4) await store.differences.remove('1', `d${index - 4}`)
    }
  },

  async openAndClose(folder) {
    await (await openStore(folder)).close()
  },

  async leaveOpen(folder) {
    await openStore(folder)
    console.log('open')
  },

  async hold(folder) {
    await openStore(folder)
    console.log('open')
    await sleep(60_000)
  },

  /** Opens it as one who may not write there. */
  async asNobody(folder) {
    if (process.getuid?.() === 0) process.setuid?.(65534)
    await openStore(folder).then(
      () => console.log('opened'),
      (error) => console.log(`${error.name}: ${error.message}`),
    )
  },

  /** Fills the disk, which is small, makes room again, and says what became of it, as JSON. */
  async fill(folder) {
    const spare = join(folder, 'spare')
    mkdirSync(folder, { recursive: true })
    writeFileSync(spare, Buffer.alloc(8 << 20))
    let store = await openStore(folder)
    const { saved, refusal } = await saveUntilRefused(store)
    const whole = await countWhole(store, saved)
    await store.close()
    store = await openStore(folder)
    const wholeAfterRestart = await countWhole(store, saved)
    rmSync(spare)
    const wholeAfterwards = await tidy(store, saved.slice(1)).catch(String)
    await store.close()
    console.log(JSON.stringify({ saved: saved.length, refusal, whole, wholeAfterRestart, wholeAfterwards }))
  },

  /** Opens it on a disk, which is small, when that is full. */
  async openFull(folder) {
    for (let size = 1 << 20; size >= 1; size >>= 1) {
      try {
        for (let index = 0; ; index++) writeFileSync(join(folder, `${size}-${index}`), Buffer.alloc(size))
      } catch {}
    }
    await openStore(folder).then(
      () => console.log('opened'),
      (error) => console.log(`${error.name}: ${error.message}`),
    )
  },
}

async function tidy(store: Store, saved: readonly string[]): Promise<number> {
  await store.differences.remove('1', 'd0')
  await store.sweep(Date.now())
  await store.differences.save('1', filled('more'))
  return countWhole(store, [...saved, 'more'])
}

async function saveUntilRefused(store: Store): Promise<{ saved: string[]; refusal: string }> {
  const saved: string[] = []
  for (;;) {
    const name = `d${saved.length}`
    try {
      await store.differences.save('1', filled(name, 600_000))
      saved.push(name)
    } catch (error) {
      return { saved, refusal: String(error) }
    }
  }
}

async function countWhole(store: Store, names: readonly string[]): Promise<number> {
  const found = await Promise.all(names.map((name) => store.differences.get('1', name)))
  return found.filter((one) => one && isWhole(one)).length
}

/** Every byte can be told from the name. */
export function filled(name: string, length = 60_000): SavedDifference {
  const bytes = Buffer.alloc(length, `${name} `)
  return {
    name,
    bytes,
    person: 'ada',
    at: 1,
    pictures: { a: bytes.subarray(0, 500) },
    facts: { model: 'emoji', mode: 'fast', seed: 1 },
  }
}

export const isWhole = ({ name, bytes }: SavedDifference): boolean =>
  Buffer.alloc(bytes.length, `${name} `).equals(bytes) && bytes.length > 0

const [, , role = '', folder = ''] = process.argv
await roles[role]?.(folder)
