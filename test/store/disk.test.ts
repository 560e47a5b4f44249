import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { openStore, type Store } from '../../src/store/open.ts'
import { filled, isWhole } from './child.ts'
import { difference, result } from './suite.ts'

// What only a store on a disk can go through.

const child = join(import.meta.dirname, 'child.ts')
let root: string
let folders = 0
const newFolder = () => join(root, String(folders++))
const fileIn = (folder: string) => join(folder, 'isto.sqlite')

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'isto-disk-'))
  await chmod(root, 0o755)
})
after(() => rm(root, { recursive: true }))

const run = (role: string, folder: string, ...before: readonly string[]) => {
  const [command = '', ...given] = [...before, process.execPath, child, role, folder]
  return spawnSync(command, given, { encoding: 'utf8' })
}

/** Until it has said `count` lines. */
async function linesOf(process: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = []
  for await (const line of createInterface(process.stdout!)) if (lines.push(line) >= count) break
  return lines
}

async function withStore(folder: string, work: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore(folder)
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

const refusal = (folder: string, message: RegExp) => assert.rejects(openStore(folder), { name: 'UserError', message })

test('only the owner may read the files', async () => {
  const folder = newFolder()
  await withStore(folder, async (store) => {
    await store.differences.save('1', difference('snow'))
    for (const name of await readdir(folder)) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name)
    assert.deepEqual((await readdir(folder)).sort(), ['isto.sqlite', 'isto.sqlite-wal'])
  })
  await chmod(fileIn(folder), 0o644)
  await withStore(folder, async () => {
    assert.equal((await stat(fileIn(folder))).mode & 0o777, 0o600)
  })
})

test('opening and closing says nothing, and a store that is left open lets the process end', () => {
  for (const [role, said] of Object.entries({ openAndClose: '', leaveOpen: 'open\n' })) {
    const { stdout, stderr, status } = run(role, newFolder())
    assert.deepEqual([stdout, stderr, status], [said, '', 0])
  }
})

test('a writer that is killed at any moment leaves all that it had saved', async () => {
  const folder = newFolder()
  for (let round = 0; round < 3; round++) {
    await rm(folder, { recursive: true, force: true })
    const writer = spawn(process.execPath, [child, 'write', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    const saved = await linesOf(writer, randomInt(5, 40))
    await new Promise((resolve) => setTimeout(resolve, randomInt(0, 20)))
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    await withStore(folder, async (store) => {
      const entries = await store.differences.list('1')
      const names = new Set(entries.map(({ name }) => name))
      for (const name of names) assert.ok(isWhole((await store.differences.get('1', name))!), name)
      // The writer removes every fifth again.
      for (const name of saved) assert.ok(names.has(name) || Number(name.slice(1)) % 5 === 0, name)
      await store.differences.save('1', difference('after'))
    })
  }
})

test('a second process is refused while the first goes on, and let in when the first is gone', async () => {
  const folder = newFolder()
  const first = spawn(process.execPath, [child, 'hold', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await linesOf(first, 1)
  await refusal(folder, /isto\.sqlite` is in use by another process: stop that one/)
  assert.equal(first.exitCode, null)
  first.kill('SIGKILL')
  await once(first, 'exit')
  await withStore(folder, async (store) => {
    await store.differences.save('1', difference('snow'))
    await refusal(folder, /in use/)
    await store.differences.save('1', difference('rain'))
  })
  await withStore(folder, async (store) => assert.equal((await store.differences.list('1')).length, 2))
})

describe('a folder that can’t be written', () => {
  test('is refused in one sentence', async () => {
    const folder = newFolder()
    await writeFile(folder, '')
    await refusal(folder, /isto\.sqlite` can't be written: check that its folder/)
    await refusal(join(folder, 'deeper'), /can't be written/)
    const taken = newFolder()
    await mkdir(fileIn(taken), { recursive: true })
    await refusal(taken, /can't be written/)
  })

  test('is refused for want of rights', async () => {
    const empty = newFolder()
    await mkdir(empty)
    await chmod(empty, 0o555)
    const used = newFolder()
    await withStore(used, (store) => store.differences.save('1', difference('snow')))
    await chmod(fileIn(used), 0o444)
    await chmod(used, 0o555)
    for (const folder of [empty, used]) {
      assert.match(run('asNobody', folder).stdout, /^UserError: `.*isto\.sqlite` can't be written: [^\n]*\.\n$/)
    }
  })
})

describe('a damaged file', () => {
  let sound: string
  const names = Array.from({ length: 12 }, (_, index) => `d${index}`)
  before(async () => {
    sound = newFolder()
    await withStore(sound, async (store) => {
      for (const name of names) await store.differences.save('1', filled(name))
      await store.settings.change('1', { limit: 20 })
      await store.results.put(result('r'))
    })
  })
  const copy = async () => {
    const folder = newFolder()
    await mkdir(folder)
    await copyFile(fileIn(sound), fileIn(folder))
    return folder
  }

  test('is refused in one sentence and left as it is', async () => {
    const spoilers: ((path: string) => Promise<void>)[] = [
      (path) => writeFile(path, 'This is no database.'.repeat(1000)),
      (path) => truncate(path, 100_000),
      (path) => truncate(path, 1000),
      async (path) => {
        const bytes = await readFile(path)
        await writeFile(path, bytes.fill(0, 0, 100))
      },
    ]
    for (const spoil of spoilers) {
      const folder = await copy()
      await spoil(fileIn(folder))
      const before = await readFile(fileIn(folder))
      await refusal(folder, /isto\.sqlite` is damaged: restore a copy of it, or move it away/)
      assert.ok(before.equals(await readFile(fileIn(folder))))
    }
  })

  test('gives the truth or a sentence, wherever the damage is', async () => {
    let refused = 0
    for (let round = 0; round < 12; round++) {
      const folder = await copy()
      const bytes = await readFile(fileIn(folder))
      const damages = randomInt(1, 30)
      for (let index = 0; index < damages; index++) bytes[randomInt(100, bytes.length)]! ^= randomInt(1, 256)
      await writeFile(fileIn(folder), bytes)
      const attempt = async <Result>(work: Promise<Result>): Promise<Result | undefined> => {
        try {
          return await work
        } catch (error) {
          assert.equal((error as Error).name, 'UserError', String((error as Error).cause))
          assert.match((error as Error).message, /damaged/)
          refused++
          return undefined
        }
      }
      const store = await attempt(openStore(folder))
      if (!store) continue
      for (const name of names) {
        const found = await attempt(store.differences.get('1', name))
        if (found) assert.ok(isWhole(found))
      }
      await attempt(store.results.get('r'))
      await attempt(store.differences.save('1', difference('new')))
      await attempt(store.sweep(Date.now()))
      await store.close()
    }
    assert.ok(refused > 0)
  })

  test('with one value in the place of another is found out; what version 0.1 wrote is read', async () => {
    const folder = await copy()
    const name = [...names][0]!
    const change = (sql: string) => {
      const database = new DatabaseSync(fileIn(folder))
      database.function('crc32', (value) => crc32(value as Uint8Array))
      database.exec(sql)
      database.close()
    }
    change('UPDATE entries SET checksum = crc32(value); PRAGMA user_version = 1')
    await withStore(folder, async (store) => assert.ok(isWhole((await store.differences.get('1', name))!)))

    const other = await copy()
    await copyFile(fileIn(other), fileIn(folder))
    change(`
      UPDATE entries SET (checksum, value) = (SELECT checksum, value FROM entries WHERE key NOT GLOB '*.body' LIMIT 1)
      WHERE key GLOB '*.body'`)
    await withStore(folder, (store) => assert.rejects(store.differences.get('1', name), /damaged/))
  })

  test('of a newer version is left alone', async () => {
    const folder = await copy()
    const database = new DatabaseSync(fileIn(folder))
    database.exec('PRAGMA user_version = 99')
    database.close()
    await refusal(folder, /was written by a newer version of isto/)
  })
})

describe('a full disk', () => {
  // A file system of 24 MB that no other process sees.
  const small = (folder: string) => [
    'unshare',
    '-rm',
    'sh',
    '-c',
    `mount -t tmpfs -o size=24m none ${folder} && exec "$@"`,
    '-',
  ]
  const canMount = existsSync('/proc/self/ns/mnt') && spawnSync('unshare', ['-rm', 'true']).status === 0

  test('refuses in one sentence, loses nothing, and is of use again when there is room', {
    skip: !canMount,
  }, async () => {
    const folder = newFolder()
    await mkdir(folder)
    const { stdout, stderr } = run('fill', folder, ...small(folder))
    assert.equal(stderr, '')
    const { saved, refusal, ...whole } = JSON.parse(stdout)
    assert.ok(saved > 4)
    assert.deepEqual(whole, { whole: saved, wholeAfterRestart: saved, wholeAfterwards: saved })
    assert.equal(refusal, 'UserError: My disk is full, so nothing was changed. Please tell the person who runs me.')
  })

  test('is told when the bot starts', { skip: !canMount }, async () => {
    const folder = newFolder()
    await mkdir(folder)
    const { stdout } = run('openFull', folder, ...small(folder))
    assert.match(stdout, /^UserError: There is no room for `.*isto\.sqlite`: its disk is full\.\n$/)
  })

  test('or one that takes no more for another reason, loses nothing', async () => {
    const folder = newFolder()
    const { stdout } = run('fill', folder, 'sh', '-c', 'ulimit -f 20000 && exec "$@"', '-')
    const { saved, whole, wholeAfterRestart, refusal } = JSON.parse(stdout)
    assert.ok(saved > 4)
    assert.deepEqual([whole, wholeAfterRestart], [saved, saved])
    assert.equal(refusal, 'UserError: My disk can’t be read or written. Please tell the person who runs me.')
    await withStore(folder, async (store) => assert.ok(await store.differences.get('1', 'd5')))
  })
})

test('what has expired, or was removed, is no longer in the file, which shrinks', async () => {
  const folder = newFolder()
  const marker = 'This was somebody’s picture. '
  const image = Buffer.alloc(1_000_000, marker)
  await withStore(folder, async (store) => {
    for (const id of ['a', 'b', 'c']) await store.results.put(result(id, { image, at: Date.now() }))
    await store.differences.save('1', { ...difference('snow'), bytes: image })
    await store.differences.save('1', difference('rain'))
    await store.sweep(Date.now())
    assert.ok((await readFile(fileIn(folder))).includes(marker))
    assert.ok((await store.results.get('a'))?.image.length === image.length)
    await store.differences.remove('1', 'snow')
    await store.sweep(Date.now() + 91 * 24 * 60 * 60 * 1000)
    for (const name of await readdir(folder)) assert.ok(!(await readFile(join(folder, name))).includes(marker), name)
    assert.ok((await stat(fileIn(folder))).size < 300_000)
    assert.equal((await store.differences.list('1')).length, 1)
  })
})

test('the event loop turns while a large value is written', async () => {
  await withStore(newFolder(), async (store) => {
    const pairs = [{ a: Buffer.alloc(15_000_000, 'a'), a2: Buffer.alloc(15_000_000, 'b') }]
    let turns = 0
    let isSaving = true
    const turn = () => {
      turns++
      if (isSaving) setImmediate(turn)
    }
    const saving = store.differences.save('1', { ...difference('snow'), pairs })
    turn()
    await saving
    isSaving = false
    assert.ok(turns > 100, `${turns} turns`)
    assert.deepEqual((await store.differences.get('1', 'snow'))?.pairs, pairs)
  })
})

test('a hundred differences with large pairs are listed in 20 ms', async () => {
  await withStore(newFolder(), async (store) => {
    const thumbnail = Buffer.alloc(15_000, 'x')
    const pictures = { a: thumbnail, a2: thumbnail, pair: thumbnail, loss: thumbnail }
    const pairs = [{ a: Buffer.alloc(250_000, 'a'), a2: Buffer.alloc(250_000, 'b') }]
    for (let index = 0; index < 100; index++) {
      await store.differences.save('1', { ...difference(`d${index}`), pictures, pairs })
    }
    const times: number[] = []
    for (let round = 0; round < 10; round++) {
      const from = performance.now()
      assert.equal((await store.differences.list('1')).length, 100)
      times.push(performance.now() - from)
    }
    assert.ok(Math.min(...times) < 20, `${times.map(Math.round)} ms`)
  })
})
