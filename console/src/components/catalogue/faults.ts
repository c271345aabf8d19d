/** What is wrong with an item, by field: provided by the editor, shown beside each field. */
import { inject, type InjectionKey, type Ref } from 'vue'
import { ApiError } from '../../api/client'

/** Reasons by path: "name", "materials[0].name". */
export type Faults = Record<string, string>

export const FAULTS: InjectionKey<Ref<Faults>> = Symbol('faults')

export function useFaults(): Ref<Faults> {
  const faults = inject(FAULTS)
  if (!faults) throw new Error('no faults provided')
  return faults
}

/** All faults that the API named; {} when the refusal is about something else. */
export function faultsOf(error: unknown): Faults {
  if (!(error instanceof ApiError) || error.code !== 'INVALID_INPUT') return {}
  const told = (error.fields.faults as { field: string; reason: string }[] | undefined) ?? [
    { field: String(error.fields.field ?? ''), reason: String(error.fields.reason ?? error.message) },
  ]
  const found: Faults = {}
  for (const { field, reason } of told) {
    const path = field.replace(/^\$\.content\.?/, '').replace(/^\$\.?/, '')
    found[path] = found[path] ? `${found[path]}；${reason}` : reason
  }
  return found
}

/** The section that holds a path: "materials[0].name" is in "materials". */
export function sectionOf(path: string): string {
  return path.split(/[.[]/)[0] ?? path
}

export function idOf(path: string): string {
  return `field-${path.replace(/[^\w]+/g, '-')}`
}
