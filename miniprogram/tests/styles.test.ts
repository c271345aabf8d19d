import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const vues = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((one) => {
    const path = join(folder, one.name)
    if (one.isDirectory()) return vues(path)
    return one.name.endsWith('.vue') ? [path] : []
  })

test('no component waits for a class of the screen: in WeChat its styles never see it', () => {
  const source = join(__dirname, '../src')
  const waiting = vues(source).filter((path) => {
    const [, style = ''] = readFileSync(path, 'utf8').split('<style>')
    return /\.(elder|dark)\s+\./.test(style)
  })
  expect(waiting).toEqual([])
})
