import { zh } from '@/texts/zh'

/**
 * The API's instants are in the city's time ("2026-11-25T09:00:00+08:00") and are shown as they are written: a phone
 * that is set to another zone must not move an appointment.
 */
export const clockTime = (instant: string) => instant.slice(11, 16)
export const dayOf = (instant: string) => instant.slice(0, 10)

export function dayLabel(day: string): string {
  const [, month, date] = day.split('-').map(Number)
  return zh.date(month, date)
}

export const weekday = (day: string) => zh.days[new Date(`${day}T00:00:00Z`).getUTCDay()]

/** 今天, 明天, 后天, or the weekday. `now` in milliseconds. */
export function nearDay(day: string, now: number): string {
  const today = Date.parse(`${cityDay(now)}T00:00:00Z`)
  const ahead = Math.round((Date.parse(`${day}T00:00:00Z`) - today) / 86_400_000)
  return [zh.relative.today, zh.relative.tomorrow, zh.relative.after][ahead] ?? weekday(day)
}

/** The day that it is in the city. */
export const cityDay = (now: number) => new Date(now + 8 * 3_600_000).toISOString().slice(0, 10)

export const span = (start: string, end: string) => `${clockTime(start)}–${clockTime(end)}`

export const fullTime = (start: string, end: string) =>
  `${dayLabel(dayOf(start))} ${weekday(dayOf(start))} ${span(start, end)}`

/** "4:07" for what is left until an instant; "" when it is over. */
export function left(until: string, now: number): string {
  const seconds = Math.ceil((Date.parse(until) - now) / 1000)
  if (seconds <= 0) return ''
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
