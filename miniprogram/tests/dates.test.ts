import { expect, test } from 'vitest'
import { cityDay, fullTime, left, nearDay } from '@/utils/dates'

const noon = Date.parse('2026-11-24T12:00:00+08:00')

test('an appointment is shown in the city\'s time, whatever the phone\'s zone', () => {
  expect(fullTime('2026-11-25T09:00:00+08:00', '2026-11-25T09:30:00+08:00')).toBe('11月25日 周三 09:00–09:30')
})
test('the day in the city begins at its own midnight', () => {
  expect(cityDay(Date.parse('2026-11-24T00:10:00+08:00'))).toBe('2026-11-24')
})
test('days close by have names', () => {
  const names = ['2026-11-24', '2026-11-25', '2026-11-26', '2026-11-27'].map((day) => nearDay(day, noon))
  expect(names).toEqual(['今天', '明天', '后天', '周五'])
})
test('what is left counts down to nothing', () => {
  expect(left('2026-11-24T12:04:07+08:00', noon)).toBe('4:07')
  expect(left('2026-11-24T12:00:00+08:00', noon)).toBe('')
})
