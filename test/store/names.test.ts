import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UserError } from '../../src/errors.ts'
import { checkName, foldName } from '../../src/store/names.ts'

test('names that people give are kept as they wrote them', () => {
  const names = [
    'snow',
    'Night shift',
    'day→night',
    'v1.2',
    "Ada's",
    'Ada’s',
    'black & white',
    'a_b-c',
    '50',
    'what?!',
    'a+b',
    '雪',
    'ナイト・デイ',
    'снег',
    'שלג',
    'ثلج',
    'می‌خواهم',
    'हिन्दी',
    'ක්‍ෂ',
    'ţară',
    'İstanbul',
    'Straße',
    'việt',
    'ภาษาไทย',
    '❄️',
    '❄',
    '👨‍👩‍👧 photo',
    '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
    '🇩🇪',
    '1️⃣',
    '👍🏽',
    '👩🏾‍🚀',
    '🏳️‍🌈',
    '©',
    'x'.repeat(32),
    '😀'.repeat(32),
    '__proto__',
    'constructor',
  ]
  for (const name of names) assert.equal(checkName(name), name)
})

test('spaces are tidied and accents composed', () => {
  assert.equal(checkName('  two \u00A0\u3000 words '), 'two words')
  assert.equal(checkName('cafe\u0301'), 'caf\u00E9')
  assert.equal(checkName(`${'e\u0301'.repeat(32)} `), '\u00E9'.repeat(32))
})

test('what is too long, empty, invisible or misleading is refused in one sentence', () => {
  const names = {
    empty: '',
    spaces: '   ',
    'no letter': '-_-',
    dots: '..',
    '33 code points': 'x'.repeat(33),
    '33 emoji': '😀'.repeat(33),
    newline: 'a\nb',
    tab: 'a\tb',
    nul: 'a\0b',
    'line separator': 'a\u2028b',
    'right-to-left override': 'a\u202Eb',
    'right-to-left mark': 'a\u200Fb',
    isolate: '\u2067a\u2069',
    'zero-width space': 'a\u200Bb',
    'joiner among Latin letters': 'a\u200Db',
    'byte order mark': 'a\uFEFFb',
    'soft hyphen': 'a\u00ADb',
    'Hangul filler': '\u3164',
    'blank braille': '\u2800',
    'lone joiner': '😀\u200D',
    'variation selector': 'a\uFE0F',
    'lone surrogate': 'a\uD800',
    'private use': 'a\uE000',
    unassigned: 'a\u0378',
    tag: 'a\u{E0041}',
    'leading mark': '\u0301a',
    'mark on a space': 'a \u0301',
    zalgo: `a${'\u0317'.repeat(5)}`,
    backtick: 'a`b',
    mention: '<@1>',
    everyone: '@everyone',
    slash: 'a/b',
    backslash: 'a\\b',
    colon: 'a:b',
    star: '**a**',
    spoiler: '||a||',
    quote: 'a"b',
    percent: 'a%b',
    hash: '#a',
  }
  for (const [what, name] of Object.entries(names)) {
    assert.throws(() => checkName(name), { name: UserError.name, message: /^A name [^\n]+[^.]\.$/ }, what)
  }
})

test('names that are the same to people are one name', () => {
  const groups = [
    ['snow', 'SNOW', 'Snow', ' snow '],
    ['straße', 'STRASSE', 'Strasse', 'STRAẞE'],
    ['café', 'cafe\u0301', 'CAFÉ', 'CAFE\u0301'],
    ['ΟΔΟΣ', 'οδος', 'οδοσ'],
    ['ısı', 'ISI', 'isi'],
    ['İz', 'i\u0307z'],
    ['❤️', '❤'],
    ['می‌خواهم', 'میخواهم'],
    ['two  words', 'two\u00A0words'],
    ['\u212B', 'å'],
  ]
  for (const group of groups) {
    assert.equal(new Set(group.map(foldName)).size, 1, group.join(' '))
  }
  assert.equal(new Set(groups.map(([name]) => foldName(name!))).size, groups.length)
})

test('however its case or encoding is changed, every character stays one name', () => {
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    const character = String.fromCodePoint(codePoint)
    const forms = [character.toUpperCase(), character.toLowerCase(), character.normalize('NFD')]
    if (forms.every((form) => form === character)) continue
    const folded = foldName(character)
    for (const form of [folded, ...forms]) {
      if (foldName(form) !== folded)
        assert.fail(`U+${codePoint.toString(16)}: ${form} → ${foldName(form)}, not ${folded}`)
    }
  }
})
