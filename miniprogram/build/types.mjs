// Writes src/api/schema.d.ts from the API's own description. An argument names another file to write (for the test).
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import openapiTS, { astToString } from 'openapi-typescript'

const root = path.resolve(import.meta.dirname, '../..')
const venv = path.join(root, '.venv/bin/python')
const python = process.env.PYTHON ?? (existsSync(venv) ? venv : 'python3')
const described = execFileSync(python, ['-m', 'server', 'openapi'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
const target = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '../src/api/schema.d.ts'))
const header = '// Generated from the API by `npm run types`; a test holds it current. Do not edit.\n'
writeFileSync(target, header + astToString(await openapiTS(JSON.parse(described))))
