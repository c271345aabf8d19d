/** The form of an item: its own, or the usual one, which tests compare with the API's (services/catalogue/application.py). */
import type { Schemas } from '../../api/client'
import usual from './usual-form.json'

export type Field = Schemas['FormField']
export type Answers = Record<string, unknown>

export function formOf(content: Schemas['ItemContent']): Field[] {
  if (content.form?.length) return content.form
  const who = content.audience.includes('person') ? usual.person : usual.organisation
  return [...who, ...usual.everybody] as Field[]
}

/** Whether a question is asked, by the answers before it. */
export function asked(field: Field, answers: Answers): boolean {
  if (!field.when) return true
  const answer = answers[field.when.field]
  const given = Array.isArray(answer) ? answer : [answer === true ? 'yes' : answer === false ? 'no' : answer]
  return given.some((one) => field.when?.is_one_of.includes(String(one)))
}

/** An answer as people read it. */
export function inWords(field: Field | undefined, value: unknown, yes: string, no: string, yuan: (fen: number) => string): string {
  if (typeof value === 'boolean') return value ? yes : no
  if (field?.type === 'money' && typeof value === 'number') return yuan(value)
  const label = (one: unknown): string => field?.options?.find((option) => option.value === one)?.label ?? String(one)
  return Array.isArray(value) ? value.map(label).join('、') : label(value)
}
