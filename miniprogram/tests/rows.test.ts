import { expect, test } from 'vitest'
import { MOST_ROWS, earlier, rows } from '@/utils/rows'

test('of 1,000 rows 60 are shown, the newest first', () => {
  expect(rows(1000, Infinity)).toEqual([940, 1000])
  expect(rows(12, Infinity)).toEqual([0, 12])
  expect(rows(0, Infinity)).toEqual([0, 0])
})

test('stepping back shows every row, a part of the last ones stays, and the end is reached', () => {
  const seen = new Set<number>()
  let end = Infinity
  for (let steps = 0; steps < 100; steps += 1) {
    const [from, to] = rows(1000, end)
    expect(to - from).toBe(MOST_ROWS)
    for (let row = from; row < to; row += 1) seen.add(row)
    if (from === 0) break
    end = earlier(1000, end)
    expect(rows(1000, end)[1]).toBeGreaterThan(from)
  }
  expect(seen.size).toBe(1000)
})
