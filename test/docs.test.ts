import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const pages = globSync(['*.md', 'docs/**/*.md', 'bench/*.md', 'test/reference/*.md', 'models/emoji/**/*.md'])

for (const page of pages) {
  test(`${page.replaceAll('\\', '/')} links to files and headings that exist`, () => {
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
    const broken = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false
      const [path = '', heading] = link.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      return !existsSync(file) || (heading !== undefined && !headingsOf(file).includes(heading))
    })
    assert.deepEqual(broken, [])
  })
}

test('the README is short', () => {
  assert.ok(readFileSync('README.md', 'utf8').split('\n').length <= 121)
})

/** Anchors as GitHub makes them. */
function headingsOf(page: string): string[] {
  const headings = [...readFileSync(page, 'utf8').matchAll(/^#{1,6} (.+)$/gm)]
  return headings.map(([, text]) =>
    text!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
