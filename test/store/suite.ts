import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, mock, test } from 'node:test'
import type { SavedDifference } from '../../src/store/differences.ts'
import type { Store, StoreOptions } from '../../src/store/open.ts'
import type { ResultRecord } from '../../src/store/results.ts'

const day = 24 * 60 * 60 * 1000
const start = Date.UTC(2030, 0, 1)

/** Ids are numbers to Discord; a store takes nothing for granted. */
const hostileScopes = [
  '1',
  '11',
  '@1',
  '1:1',
  '1/1',
  '1"',
  "1'",
  '1%',
  '1*',
  '["1"]',
  '1","x',
  '1.body',
  '1\u0000',
  '\uD800',
  '',
  ' 1',
  '1 ',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  'differences',
  'caf\u00E9',
  'cafe\u0301',
  'a'.repeat(1000),
  '1::1',
  '../1',
]

/** What every store must do, wherever it keeps what it has. `open`ed again after `close`, it has what it had. */
export function describeStore(name: string, createOpener: () => (options?: StoreOptions) => Promise<Store>): void {
  describe(name, () => {
    let open: (options?: StoreOptions) => Promise<Store>
    let store: Store
    beforeEach(async () => {
      open = createOpener()
      store = await open()
    })
    afterEach(() => store.close())
    const reopen = async (options?: StoreOptions) => {
      await store.close()
      store = await open(options)
    }
    const namesIn = async (scope: string) => (await store.differences.list(scope)).map(({ name }) => name)

    describe('differences', () => {
      test('come back as they were, also after a restart', async () => {
        const saved = difference('Snow')
        await store.differences.save('1', saved)
        assert.deepEqual(await store.differences.get('1', 'snow'), saved)
        await reopen()
        assert.deepEqual(await store.differences.get('1', 'snow'), saved)
        assert.equal(await store.differences.get('1', 'rain'), undefined)
      })

      test('are listed by name, without what may be large', async () => {
        for (const name of ['v10', 'b', 'Éa', 'A', 'v9', '❄️']) await store.differences.save('1', difference(name))
        assert.deepEqual(await namesIn('1'), ['❄️', 'A', 'b', 'Éa', 'v9', 'v10'])
        const [entry] = await store.differences.list('1')
        const { bytes: _, pairs: __, pictures, ...rest } = difference('❄️')
        const { loss: ___, ...small } = pictures
        assert.deepEqual(Object.keys(entry!).sort(), [...Object.keys(rest), 'pictures'].sort())
        assert.deepEqual(Object.keys(entry!.pictures), Object.keys(small))
      })

      test('have a name that counts as the same however it is written', async () => {
        const spellings = { Straße: 'STRASSE', 'caf\u00E9': 'CAFE\u0301', ısı: 'ISI', '❤️': '❤', 'a  b': 'A\u00A0B' }
        for (const [name, other] of Object.entries(spellings)) {
          await store.differences.save('1', difference(name))
          assert.equal((await store.differences.get('1', other))?.name, name.replace(/ +/, ' '))
          await refuses(store.differences.save('1', difference(other)), /already a saved difference called/)
          assert.ok(await store.differences.remove('1', other))
        }
        assert.deepEqual(await namesIn('1'), [])
      })

      test('are refused under what is no name', async () => {
        for (const name of ['', ' ', 'x'.repeat(33), 'a\u202Eb', 'a\u0000', 'a\nb']) {
          await refuses(store.differences.save('1', difference(name)), /^A name /)
          assert.equal(await store.differences.get('1', name), undefined)
          assert.equal(await store.differences.remove('1', name), false)
        }
      })

      test('are replaced only when asked to', async () => {
        await store.differences.save('1', difference('snow'))
        const other = difference('Snow')
        await refuses(store.differences.save('1', other), /already/)
        await store.differences.save('1', other, { replace: true, limit: 1 })
        assert.deepEqual(await store.differences.get('1', 'snow'), other)
        assert.deepEqual(await namesIn('1'), ['Snow'])
      })

      test('are as many as the limit says, however many are saved at once', async () => {
        const saving = Array.from({ length: 12 }, (_, index) =>
          store.differences.save('1', difference(`d${index % 8}`), { limit: 5 }),
        )
        const outcomes = await Promise.allSettled(saving)
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 5)
        assert.deepEqual(await namesIn('1'), ['d0', 'd1', 'd2', 'd3', 'd4'])
        await refuses(
          store.differences.save('1', difference('x'), { limit: 5 }),
          /^There are 5 saved differences already/,
        )
        await store.differences.save('2', difference('x'), { limit: 5 })
      })

      test('are renamed', async () => {
        const snow = difference('snow')
        await store.differences.save('1', snow)
        await store.differences.save('1', difference('rain'))
        await store.differences.rename('1', 'SNOW', 'Winter')
        assert.deepEqual(await store.differences.get('1', 'winter'), { ...snow, name: 'Winter' })
        assert.equal(await store.differences.get('1', 'snow'), undefined)
        await store.differences.rename('1', 'winter', 'WINTER')
        assert.deepEqual(await namesIn('1'), ['rain', 'WINTER'])
        await refuses(store.differences.rename('1', 'winter', 'Rain'), /already/)
        await refuses(store.differences.rename('1', 'winter', '\u200B'), /^A name /)
        await refuses(store.differences.rename('1', 'snow', 'hail'), /no saved difference/)
        await refuses(store.differences.rename('2', 'winter', 'hail'), /no saved difference/)
      })

      test('are removed once', async () => {
        await store.differences.save('1', difference('snow'))
        assert.equal(await store.differences.remove('2', 'snow'), false)
        assert.equal(await store.differences.remove('1', 'SNOW'), true)
        assert.equal(await store.differences.remove('1', 'snow'), false)
        assert.equal(await store.differences.get('1', 'snow'), undefined)
      })
    })

    test('no scope sees or loses what is another’s', async () => {
      const kept = new Map(hostileScopes.map((scope, index) => [scope, { saved: difference('snow'), index }]))
      for (const [scope, { saved, index }] of kept) {
        await store.differences.save(scope, saved)
        await store.settings.change(scope, { limit: index })
        await store.results.put(result(`r${index}`, { scope, channelId: scope, person: scope }))
      }
      const check = async () => {
        for (const [scope, { saved, index }] of kept) {
          assert.deepEqual(await store.differences.get(scope, 'snow'), saved)
          assert.equal((await store.differences.list(scope)).length, 1)
          assert.equal((await store.settings.get(scope)).limit, index)
          assert.equal((await store.results.latest(scope, scope, scope))?.id, `r${index}`)
        }
      }
      await check()
      await reopen()
      await check()
      for (const [scope, { index }] of [...kept]) {
        await store.forget(scope)
        kept.delete(scope)
        assert.deepEqual(await store.differences.list(scope), [])
        assert.equal((await store.settings.get(scope)).limit, 100)
        assert.equal(await store.results.get(`r${index}`), undefined)
        assert.equal(await store.results.latest(scope, scope, scope), undefined)
      }
    })

    test('a scope is forgotten while the others stay', async () => {
      for (const scope of ['1', '11', '@1']) {
        await store.differences.save(scope, difference('snow'))
        await store.settings.change(scope, { limit: 7 })
        await store.results.put(result(`r${scope}`, { scope }))
      }
      await store.forget('1')
      await store.forget('1')
      for (const scope of ['11', '@1']) {
        assert.equal((await store.differences.list(scope)).length, 1)
        assert.equal((await store.settings.get(scope)).limit, 7)
        assert.ok(await store.results.get(`r${scope}`))
      }
      await store.differences.save('1', difference('snow'))
    })

    test('a person is forgotten everywhere', async () => {
      for (const scope of ['1', '2', '@ada']) {
        for (const person of ['ada', 'bob']) {
          await store.differences.save(scope, { ...difference(`${person} snow`), person })
          await store.results.put(result(`${scope} ${person}`, { scope, person }))
        }
      }
      await store.settings.change('@ada', { personLimit: 2 })
      await store.notes.put('ada', 'Your last result could not be posted.')
      await store.forgetEverywhere('ada')
      assert.deepEqual(
        [await namesIn('1'), await namesIn('2'), await namesIn('@ada')],
        [['bob snow'], ['bob snow'], []],
      )
      assert.equal(await store.results.get('2 ada'), undefined)
      assert.ok(await store.results.get('2 bob'))
      assert.notEqual((await store.settings.get('@ada')).personLimit, 2)
      assert.equal(await store.notes.take('ada'), undefined)
    })

    test('a person is forgotten in one scope', async () => {
      for (const scope of ['1', '2']) {
        for (const person of ['ada', 'bob']) {
          await store.differences.save(scope, { ...difference(`${person} snow`), person })
          await store.differences.save(scope, { ...difference(`${person} rain`), person })
          await store.results.put(result(`${scope} ${person}`, { scope, person }))
        }
      }
      assert.equal(await store.forgetPerson('1', 'ada'), 3)
      assert.equal(await store.forgetPerson('1', 'ada'), 0)
      assert.deepEqual(await namesIn('1'), ['bob rain', 'bob snow'])
      assert.equal((await store.differences.list('2')).length, 4)
      assert.equal(await store.results.get('1 ada'), undefined)
      assert.ok(await store.results.get('1 bob'))
      assert.ok(await store.results.get('2 ada'))
    })

    describe('settings', () => {
      const defaults = {
        savers: 'everyone',
        channels: [],
        personLimit: 5,
        roleLimits: {},
        blocked: [],
        ageRestrictedOnly: false,
        keepPairs: true,
        limit: 100,
      }

      test('are the usual ones until they are changed, and again when they are taken back', async () => {
        assert.deepEqual(await store.settings.get('1'), defaults)
        const changed = { ...defaults, model: 'emoji', channels: ['5'], keepPairs: false }
        const change = { model: 'emoji', channels: ['5'], keepPairs: false }
        assert.deepEqual(await store.settings.change('1', change), changed)
        await reopen()
        assert.deepEqual(await store.settings.get('1'), changed)
        assert.deepEqual(await store.settings.change('1', { strength: 0, model: undefined, keepPairs: undefined }), {
          ...defaults,
          channels: ['5'],
          strength: 0,
        })
        assert.deepEqual(await store.settings.get('2'), defaults)
      })

      test('lose none of two changes at once', async () => {
        await Promise.all([store.settings.change('1', { limit: 1 }), store.settings.change('1', { personLimit: 2 })])
        await reopen()
        assert.deepEqual(await store.settings.get('1'), { ...defaults, limit: 1, personLimit: 2 })
      })

      test('that depend on those before lose none either', async () => {
        const people = Array.from({ length: 9 }, (_, index) => `${index}`)
        await Promise.all(
          people.map((one) => store.settings.change('1', ({ blocked }) => ({ blocked: [...blocked, one] }))),
        )
        await reopen()
        assert.deepEqual((await store.settings.get('1')).blocked.toSorted(), people)
      })
    })

    describe('tallies', () => {
      beforeEach(() => mock.timers.enable({ apis: ['Date'], now: start }))
      afterEach(() => mock.timers.reset())
      const add = (scope: string, person: string, at: number, change = {}) =>
        store.tallies.add(scope, { person, at, hasFailed: false, seconds: 2, ...change })
      const sorted = async (scope = '1') =>
        (await store.tallies.list(scope)).toSorted((a, b) => a.day - b.day || (a.person < b.person ? -1 : 1))

      test('count by person and day, none of several at once is lost', async () => {
        await Promise.all(Array.from({ length: 5 }, (_, hour) => add('1', 'ada', start + hour * 3_600_000)))
        await add('1', 'ada', start + day - 1, { hasFailed: true, seconds: 0 })
        await add('1', 'ada', start + day)
        await add('1', 'bob', start)
        await add('2', 'ada', start)
        await reopen()
        assert.deepEqual(await sorted(), [
          { person: 'ada', day: start, jobs: 6, failures: 1, seconds: 10 },
          { person: 'bob', day: start, jobs: 1, failures: 0, seconds: 2 },
          { person: 'ada', day: start + day, jobs: 1, failures: 0, seconds: 2 },
        ])
      })

      test('are kept for 90 days', async () => {
        await add('1', 'ada', start)
        mock.timers.setTime(start + 91 * day - 1)
        await store.sweep(Date.now())
        assert.equal((await sorted()).length, 1)
        mock.timers.setTime(start + 91 * day + 1)
        await store.sweep(Date.now())
        assert.deepEqual(await sorted(), [])
      })

      test('go with the person, and with the server', async () => {
        for (const scope of ['1', '2']) for (const person of ['ada', 'bob']) await add(scope, person, start)
        assert.equal(await store.forgetPerson('1', 'ada'), 1)
        assert.deepEqual(
          (await sorted()).map(({ person }) => person),
          ['bob'],
        )
        await store.leave('1', start)
        await store.sweep(start + 31 * day)
        assert.deepEqual(await sorted(), [])
        assert.equal((await sorted('2')).length, 2)
      })
    })

    describe('results', () => {
      beforeEach(() => mock.timers.enable({ apis: ['Date'], now: start }))
      afterEach(() => mock.timers.reset())

      test('come back as they were, also after a restart', async () => {
        const record = result('r')
        await store.results.put(record)
        assert.deepEqual(await store.results.get('r'), record)
        await reopen()
        assert.deepEqual(await store.results.get('r'), record)
        assert.equal(await store.results.get('s'), undefined)
      })

      test('the latest is this person’s in this channel, with a difference that has no name', async () => {
        const latest = async () => (await store.results.latest('1', 'c', 'ada'))?.id
        assert.equal(await latest(), undefined)
        await store.results.put(result('old', { at: start - 2 }))
        await store.results.put(result('older', { at: start - 3 }))
        await store.results.put(result('new', { at: start - 1 }))
        await store.results.put(result('other person', { person: 'bob' }))
        await store.results.put(result('other channel', { channelId: 'd' }))
        await store.results.put(result('other server', { scope: '2' }))
        await store.results.put(result('applied', { differences: [{ bytes: randomBytes(8), name: 'snow' }] }))
        assert.equal(await latest(), 'new')
        await store.results.remove('new')
        await store.results.remove('new')
        assert.equal(await store.results.get('new'), undefined)
        assert.equal(await latest(), 'old')
      })

      test('are kept for 90 days', async () => {
        await store.results.put(result('a', { at: start - day }))
        await store.results.put(result('b', { at: start }))
        const left = async () => [await store.results.get('a'), await store.results.get('b')].map((one) => one?.id)
        mock.timers.setTime(start + 89 * day - 1)
        await store.sweep(Date.now())
        assert.deepEqual(await left(), ['a', 'b'])
        mock.timers.setTime(start + 89 * day + 1)
        assert.deepEqual(await left(), [undefined, 'b'])
        assert.equal((await store.results.latest('1', 'c', 'ada'))?.id, 'b')
        mock.timers.setTime(start + 90 * day + 1)
        await store.sweep(Date.now())
        assert.deepEqual(await left(), [undefined, undefined])
        assert.equal(await store.results.latest('1', 'c', 'ada'), undefined)
      })
    })

    describe('room for results', () => {
      const sized = (id: string, scope: string, at: number) => ({
        ...result(id, { scope, at }),
        image: Buffer.alloc(1000),
      })
      const kept = async (ids: readonly string[]) =>
        (await Promise.all(ids.map(async (id) => ((await store.results.get(id)) ? [id] : [])))).flat()

      test('the oldest of a server go first, and of no other', async () => {
        const { bytes } = await one()
        await reopen({ resultBytes: { server: 3 * bytes, all: Infinity } })
        for (const [index, id] of ['a', 'b', 'c', 'd'].entries())
          await store.results.put(sized(id, '1', Date.now() + index))
        await store.results.put(sized('e', '2', 0 + Date.now()))
        assert.deepEqual(await kept(['a', 'b', 'c', 'd', 'e']), ['b', 'c', 'd', 'e'])
      })

      test('the oldest of all go when the store is swept; saved differences stay', async () => {
        const { bytes } = await one()
        await reopen({ resultBytes: { server: Infinity, all: 2 * bytes } })
        await store.differences.save('1', difference('Snow'))
        for (const [index, id] of ['a', 'b', 'c'].entries()) {
          await store.results.put(sized(id, String(index), Date.now() + index))
        }
        await store.sweep(Date.now())
        assert.deepEqual(await kept(['a', 'b', 'c']), ['b', 'c'])
        assert.deepEqual(store.usage(), { results: 2, bytes: 2 * bytes })
        assert.deepEqual(await namesIn('1'), ['Snow'])
      })

      /** What one such result counts. */
      async function one() {
        await store.results.put(sized('measure', 'measure', Date.now()))
        await store.sweep(Date.now())
        const usage = store.usage()!
        await store.results.remove('measure')
        return usage
      }
    })

    describe('a server that the bot left', () => {
      const has = async (scope: string) => (await store.differences.list(scope)).length === 1
      beforeEach(async () => {
        for (const scope of ['1', '2', '@3']) await store.differences.save(scope, difference('snow'))
      })

      test('is forgotten after the grace period, also across restarts', async () => {
        await store.leave('1', start)
        await store.leave('nowhere', start)
        await reopen({ graceMs: 10 * day })
        await store.leave('1', start + 9 * day)
        await store.sweep(start + 10 * day - 1)
        assert.ok(await has('1'))
        await store.sweep(start + 10 * day)
        assert.deepEqual([await has('1'), await has('2'), await has('@3')], [false, true, true])
      })

      test('is not forgotten when the bot comes back', async () => {
        await store.leave('1', start)
        await store.markReturned('1')
        await store.markReturned('2')
        await store.sweep(start + 100 * day)
        assert.ok(await has('1'))
        await store.leave('1', start + 100 * day)
        await store.sweep(start + 129 * day)
        assert.ok(await has('1'))
        await store.sweep(start + 130 * day)
        assert.ok(!(await has('1')))
      })

      test('is noticed when the roll is called', async () => {
        await store.syncServers(['2', '4'], start)
        await store.syncServers(['2', '4'], start + 20 * day)
        await store.sweep(start + 30 * day)
        assert.deepEqual([await has('1'), await has('2'), await has('@3')], [false, true, true])
        await store.syncServers([], start + 30 * day)
        await store.syncServers(['2'], start + 40 * day)
        await store.sweep(start + 100 * day)
        assert.ok(await has('2'))
      })

      test('is known by its settings or results alone', async () => {
        await store.settings.change('5', { limit: 7 })
        await store.results.put(result('r', { scope: '6', at: Date.now() }))
        await store.syncServers(['1', '2'], start)
        await store.sweep(start + 30 * day)
        assert.equal((await store.settings.get('5')).limit, 100)
        assert.equal(await store.results.get('r'), undefined)
      })
    })

    test('tickets come back as they were, in the order in which they came', async () => {
      const record = (state: string) => ({
        state,
        attempts: 1,
        ticket: { job: { bytes: randomBytes(100) }, followUp: { x: [1] } },
      })
      const [a, b, c, d] = [record('a'), record('b'), record('c'), record('d')]
      for (const [id, one] of Object.entries({ z: a, y: b, x: c })) await store.tickets.put(id, one)
      await store.tickets.put('z', d)
      await store.tickets.remove('y')
      await store.tickets.remove('y')
      assert.deepEqual(await store.tickets.all(), [d, c])
      await reopen()
      assert.deepEqual(await store.tickets.all(), [d, c])
    })
  })
}

const refuses = (promise: Promise<unknown>, message: RegExp) => assert.rejects(promise, { name: 'UserError', message })

export function difference(name: string): SavedDifference {
  return {
    name,
    bytes: randomBytes(2000),
    person: 'ada',
    at: start,
    facts: { model: 'emoji', modelHash: 'abc', mode: 'fast', seed: 7, fit: 0.5, caption: { a: 'a cat' }, pairs: 1 },
    pictures: { a: randomBytes(30), a2: randomBytes(30), pair: randomBytes(60), loss: randomBytes(40) },
    pairs: [{ a: randomBytes(300), a2: randomBytes(300) }],
  }
}

export function result(id: string, given: Partial<ResultRecord> = {}): ResultRecord {
  const { facts, pictures, pairs = [] } = difference('x')
  return {
    id,
    scope: '1',
    person: 'ada',
    channelId: 'c',
    at: start,
    facts,
    pictures,
    pairs,
    image: randomBytes(500),
    differences: [{ bytes: randomBytes(100), strength: 2 }],
    options: { model: 'emoji', mode: 'fast', seed: 7 },
    ...given,
  }
}
