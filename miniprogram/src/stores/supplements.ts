import type { Answers } from '@/utils/form'

/** What is put together for a notice and not handed in yet: files that the city has, and answers that are changed. */
export interface Supplement {
  given: Record<string, string[]>
  answers: Answers
}
const KEY = 'supplements'
const all = () => (uni.getStorageSync(KEY) || {}) as Record<string, Supplement>

export const of = (id: string): Supplement | undefined => all()[id]
export const keep = (id: string, written: Supplement) =>
  uni.setStorageSync(KEY, { ...all(), [id]: JSON.parse(JSON.stringify(written)) as Supplement })
export function forget(id: string) {
  const { [id]: _, ...others } = all()
  uni.setStorageSync(KEY, others)
}
