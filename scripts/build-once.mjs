// node scripts/build-once.mjs FOLDER SCRIPT OUTPUT: `npm run SCRIPT` in a front end's folder, with what that stands on:
// packages by `npm ci` from the lock file, src/api/schema.d.ts from the API's own description. Each of the three is done
// only when what goes into it has changed since the last time. PYTHON names the interpreter that knows the API.
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const [folder, script, output] = process.argv.slice(2)
if (!output) throw new Error('usage: build-once.mjs FOLDER SCRIPT OUTPUT')
const home = path.resolve(folder)
const at = (name) => path.join(home, name)
const notes = path.join(root, '.build', path.basename(home))
mkdirSync(notes, { recursive: true })

// What a build reads is everything here but what it makes and what only tests read.
const NOT_SOURCES = new Set(['node_modules', 'dist', 'tests', 'unpackage', 'check', '.screenshots'])
const walk = (place) =>
  readdirSync(place, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(place, entry.name)
    if (!entry.isDirectory()) return [full]
    return NOT_SOURCES.has(entry.name) ? [] : walk(full)
  })
const digest = (...parts) => parts.reduce((hash, part) => hash.update(part).update('\0'), createHash('sha256')).digest('hex')
const run = (...words) => execFileSync('npm', words, { cwd: home, stdio: ['ignore', process.stderr, process.stderr] })

/** Does `work` unless the note `name` says that it was done on just this, and `made` is still there. */
const once = async (name, value, made, work) => {
  const note = path.join(notes, name.replace(':', '-'))
  if (existsSync(made) && existsSync(note) && readFileSync(note, 'utf8') === value) return
  await work()
  writeFileSync(note, value)
}

await once('packages', digest(readFileSync(at('package-lock.json'))), at('node_modules'), () =>
  run('ci', '--no-audit', '--no-fund', '--loglevel=error'),
)

const venv = path.join(root, '.venv/bin/python')
const python = process.env.PYTHON ?? (existsSync(venv) ? venv : 'python3')
const described = execFileSync(python, ['-m', 'server', 'openapi'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
await once('types', digest(described), at('src/api/schema.d.ts'), () => {
  const description = path.join(notes, 'openapi.json')
  writeFileSync(description, described)
  run('exec', '--', 'openapi-typescript', description, '-o', 'src/api/schema.d.ts')
})

const sources = walk(home).sort().flatMap((file) => [path.relative(home, file), readFileSync(file)])
await once(script, digest(process.env.VITE_API_URL ?? '', ...sources), at(output), () => run('run', '-s', script))
