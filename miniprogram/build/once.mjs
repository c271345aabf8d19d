// `node build/once.mjs h5|mp-weixin`: installs and builds only when what goes into it has changed since the last time.
import { createHash } from 'node:crypto'
import { execSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const target = process.argv[2]
if (!['h5', 'mp-weixin'].includes(target)) throw new Error('h5 or mp-weixin')

const walk = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name)
    return entry.isDirectory() ? walk(full) : [full]
  })
const digest = (files) => {
  const hash = createHash('sha256')
  for (const file of files.sort()) hash.update(path.relative(root, file)).update('\0').update(readFileSync(file))
  return hash.digest('hex')
}
const at = (name) => path.join(root, name)
const fresh = (stamp, value) => existsSync(stamp) && readFileSync(stamp, 'utf8') === value
const run = (command) => execSync(command, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] })

const lock = digest([at('package.json'), at('package-lock.json')])
const installed = at('node_modules/.installed')
if (!fresh(installed, lock)) {
  run('npm ci --no-audit --no-fund --loglevel=error')
  writeFileSync(installed, lock)
}
const settings = `${process.env.VITE_API_URL ?? ''}|${target}`
const inputs = [...walk(at('src')), at('index.html'), at('vite.config.ts'), at('build/no-foreign-pictures.ts')]
const wanted = createHash('sha256').update(lock + digest(inputs) + settings).digest('hex')
const built = at(`dist/build/.${target}`)
if (!fresh(built, wanted)) {
  run(`npm run -s build:${target}`)
  mkdirSync(path.dirname(built), { recursive: true })
  writeFileSync(built, wanted)
}
