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
  return holds(field.when, answers)
}

/** How a material stands that has not been handed in: class D is declared by the form, others this case may not need. */
export function absence(material: Schemas['Material'] | undefined, answers: Answers): 'missing' | 'by_form' | 'not_needed' {
  if (!material) return 'missing'
  if (material.material_class === 'D') return 'by_form'
  return holds(material.when, answers) && material.required !== false ? 'missing' : 'not_needed'
}

function holds(when: Field['when'], answers: Answers): boolean {
  if (!when) return true
  const answer = answers[when.field]
  const given = Array.isArray(answer) ? answer : [answer === true ? 'yes' : answer === false ? 'no' : answer]
  return given.some((one) => when.is_one_of.includes(String(one)))
}

/** An answer as people read it. */
export function inWords(field: Field | undefined, value: unknown, yes: string, no: string, yuan: (fen: number) => string): string {
  if (typeof value === 'boolean') return value ? yes : no
  if (field?.type === 'money' && typeof value === 'number') return yuan(value)
  const label = (one: unknown): string => field?.options?.find((option) => option.value === one)?.label ?? String(one)
  return Array.isArray(value) ? value.map(label).join('、') : label(value)
}
