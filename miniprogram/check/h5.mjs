// Checks the H5 build: what the first page loads stays within 200 KB (gzip), and no address of another host is loaded.
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

const LIMIT = 200 * 1024
const root = path.resolve(import.meta.dirname, '../dist/build/h5')
const read = (name) => readFileSync(path.join(root, name))
const gzip = (name) => gzipSync(read(name), { level: 9 }).length
const bad = []

// The first page: the index, what it names, and by static and dynamic import whatever the home page needs.
const first = new Set(['index.html'])
const follow = (name) => {
  if (first.has(name)) return
  first.add(name)
  if (!name.endsWith('.js')) return
  for (const [, file] of read(name).toString().matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)) follow(`assets/${file}`)
}
for (const [, file] of read('index.html').toString().matchAll(/(?:src|href)="\.?\/?(assets\/[^"]+)"/g)) follow(file)
for (const file of readdirSync(path.join(root, 'assets')))
  if (/^(pages-home-home[.-].*|home-.*)\.(js|css)$/.test(file)) follow(`assets/${file}`)
const size = [...first].reduce((sum, name) => sum + gzip(name), 0)
if (size > LIMIT) bad.push(`first load: ${size} bytes gzip, over ${LIMIT}`)
for (const file of readdirSync(path.join(root, 'assets')))
  if (file.endsWith('.css') && /url\(["']?(?:https?:)?\/\//.test(read(`assets/${file}`).toString()))
    bad.push(`${file}: loads from another host`)

console.log(`h5: first load ${size} bytes gzip in ${first.size} files`)
for (const fault of bad) console.error('BAD', fault)
process.exit(bad.length ? 1 : 0)
