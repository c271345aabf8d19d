import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const source = path.resolve(import.meta.dirname, '../src')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(vue|ts)$/.test(file))
/** Comments may quote what a screen says. The title bar's label is uni-app's own element, mended outside any page. */
const code = (file: string) =>
  readFileSync(path.join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|<!--[\s\S]*?-->|(^|\s)\/\/.*$/gm, '')

test('Chinese texts stand in one place', () => {
  const elsewhere = files.filter((file) => !/^(texts|api[\\/]schema)/.test(file) && /[\u4e00-\u9fff]/.test(code(file)))
  expect(elsewhere).toEqual([])
})

test('no page is over 300 lines', () => {
  const long = files.filter((file) => file.endsWith('.vue') && code(file).split('\n').length > 300)
  expect(long).toEqual([])
})

test('every page that a message opens is there', () => {
  const known = JSON.parse(readFileSync(path.join(source, 'pages.json'), 'utf8')) as {
    pages: { path: string }[]
    subPackages: { root: string; pages: { path: string }[] }[]
  }
  const pages = [
    ...known.pages.map((page) => page.path),
    ...known.subPackages.flatMap(({ root, pages }) => pages.map((page) => `${root}/${page.path}`)),
  ]
  const templates = readFileSync(path.resolve(source, '../../data/templates.json'), 'utf8')
  const opened = [...templates.matchAll(/"page": "([^"?]+)/g)].map(([, page]) => page)
  expect(opened.length).toBeGreaterThan(10)
  const missing = new Set(opened.filter((page) => !pages.includes(page)))
  expect([...missing]).toEqual([])
})
