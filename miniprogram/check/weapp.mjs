// Checks the WeChat build without WeChat's IDE: sizes, both of WeChat's compilers, JavaScript, no stand-in, no test page.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Script } from 'node:vm'

const require = createRequire(import.meta.url)
// WeChat allows 2 MB a package and 20 MB in all; a phone on a bad network is what sets the limit.
const LIMIT = 512 * 1024
const root = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '../dist/build/mp-weixin'))
const bad = []
const walk = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name)
    return entry.isDirectory() ? walk(full) : [full]
  })
const files = walk(root).map((file) => path.relative(root, file))
const text = (file) => readFileSync(path.join(root, file), 'utf8')
const ending = (...ends) => files.filter((file) => ends.some((end) => file.endsWith(end)))

const app = JSON.parse(text('app.json'))
const subs = app.subPackages ?? app.subpackages ?? []
const roots = subs.map((one) => one.root.replace(/\/?$/, '/'))
const size = (filter) => files.filter(filter).reduce((sum, file) => sum + statSync(path.join(root, file)).size, 0)
const sizes = { main: size((file) => !roots.some((one) => file.startsWith(one))) }
for (const one of roots) sizes[one] = size((file) => file.startsWith(one))
for (const [name, bytes] of Object.entries(sizes)) if (bytes > LIMIT) bad.push(`${name}: ${bytes} bytes, over ${LIMIT}`)

// Every page that app.json names is there.
const pages = [...app.pages, ...subs.flatMap((one) => one.pages.map((page) => path.posix.join(one.root, page)))]
for (const page of pages)
  for (const end of ['.wxml', '.js', '.json']) if (!existsSync(path.join(root, page + end))) bad.push(`${page}${end}: missing`)

const { TmplGroup } = require('glass-easel-template-compiler')
for (const file of ending('.wxml'))
  for (const fault of new TmplGroup().addTmpl(file, text(file)) ?? [])
    if (fault.isError) bad.push(`${file}:${fault.startLine + 1}:${fault.startColumn + 1} ${fault.message}`)

const bin = path.join(path.dirname(require.resolve('miniprogram-compiler/package.json')), 'bin/linux')
for (const [tool, end, flag] of [['wcc', '.wxml', '-d'], ['wcsc', '.wxss', '-lc']]) {
  const program = path.join(bin, tool)
  chmodSync(program, 0o755)
  const done = spawnSync(program, [flag, ...ending(end), '-o', '/dev/null'], { cwd: root, encoding: 'utf8' })
  if (done.status !== 0) bad.push(`${tool}: ${(done.stderr + done.stdout).trim().slice(0, 500)}`)
}
for (const file of ending('.js')) {
  try {
    new Script(`(function(require,module,exports){${text(file)}\n})`, { filename: file })
  } catch (error) {
    bad.push(`${file}: ${error.message}`)
  }
  if (/stand-in|\/demo\/|tdesign\.gtimg|cdn\.dcloud/.test(text(file))) bad.push(`${file}: something of the browser's demo`)
}
console.log(Object.entries(sizes).map(([name, bytes]) => `${name} ${bytes}`).join(', '))
for (const fault of bad) console.error('BAD', fault)
console.log(bad.length ? `${bad.length} faults` : 'weapp output: no fault')
process.exit(bad.length ? 1 : 0)
