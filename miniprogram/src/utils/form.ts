import type { Material, Question } from '@/api/types'
import { zh } from '@/texts/zh'
import { yuan } from './money'

/** What a form asks for and how answers look in its fields; the rules are those of services/cases/forms.py. */
export type Answer = string | boolean | string[] | null
export type Answers = Record<string, Answer>
type When = { field: string; is_one_of: string[] }

export function holds(when: When | null, answers: Answers): boolean {
  if (!when) return true
  const answer = answers[when.field]
  const given = Array.isArray(answer) ? answer : [typeof answer === 'boolean' ? (answer ? 'yes' : 'no') : answer]
  return given.some((value) => typeof value === 'string' && when.is_one_of.includes(value))
}

/** The questions whose condition holds; one about a question that is not asked does not. */
export function asked(form: Question[], answers: Answers): Question[] {
  const given: Answers = {}
  return form.filter((question) => {
    if (!holds(question.when, given)) return false
    given[question.name] = answers[question.name] ?? null
    return true
  })
}

export const needed = (materials: Material[], answers: Answers) =>
  materials.filter((material) => holds(material.when, answers))

/** Kept answers as they are typed: money is kept in fen and typed in yuan, numbers are typed as text. */
export function typed(form: Question[], kept: Record<string, unknown>): Answers {
  const answers: Answers = {}
  for (const { name, type } of form) {
    const value = kept[name]
    if (value === undefined || value === null) continue
    if (typeof value === 'number') answers[name] = type === 'money' ? (value / 100).toFixed(2) : String(value)
    else answers[name] = value as Answer
  }
  return answers
}

/** Answers that are no longer as they were kept; null where one was emptied. */
export function changed(kept: Answers, now: Answers): Answers {
  const same = (a: Answer, b: Answer) => JSON.stringify(a) === JSON.stringify(b)
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => !same(value, kept[name] ?? null)))
}

/** A kept answer as people read it. */
export function inWords({ type, options }: Question, value: unknown): string {
  const label = (one: unknown) => options.find((option) => option.value === one)?.label ?? String(one)
  if (typeof value === 'boolean') return value ? zh.common.yes : zh.common.no
  if (Array.isArray(value)) return value.map(label).join('、')
  if (type === 'money' && typeof value === 'number') return yuan(value)
  return label(value)
}

export interface Fault {
  field: string
  reason: string
}
/** The faults that an error tells, all at once; none when it tells something else. */
export function faultsOf(error: unknown): Fault[] {
  const faults = (error as { fields?: { faults?: unknown } } | null)?.fields?.faults
  return Array.isArray(faults) ? (faults as Fault[]) : []
}
