import { expect, test } from 'vitest'
import { PAGE_ROWS, pageOf } from '@/utils/pages'

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

test('1,000 rows under three headings come page by page, each once and in order', () => {
  const groups = [
    { title: 'a', list: numbers(0, 30) },
    { title: 'b', list: [] as number[] },
    { title: 'c', list: numbers(30, 1000) },
  ]
  const seen: number[] = []
  for (let page = 0; page < 25; page += 1) {
    const shown = pageOf(groups, page)
    const rows = shown.flatMap(({ list }) => list)
    expect(rows).toHaveLength(PAGE_ROWS)
    expect(shown.every(({ list }) => list.length > 0)).toBe(true)
    seen.push(...rows)
  }
  expect(seen).toEqual(numbers(0, 1000))
  expect(pageOf(groups, 0).map(({ title }) => title)).toEqual(['a', 'c'])
  expect(pageOf(groups, 25)).toEqual([])
})
