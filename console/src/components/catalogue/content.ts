/** An item's content: an empty one, and what differs between two. */
import type { Schemas } from '../../api/client'
import { texts } from '../../texts'

export type Content = Schemas['ItemContent']

export function emptyContent(): Content {
  return {
    code: '', name: '', kind: 'public_service', field: 'community', department: '', levels: ['city'], audience: ['person'],
    aliases: [], keywords: [], questions: [], conditions: [], materials: [], legal_basis: [], fees: [], fee_note: '',
    legal_limit_days: 0, promised_limit_days: 0, steps: [], delivery: ['window'], life_events: [], online: 'none',
    result_name: '', counter: '', notes: '', form: [], tasks: [],
  }
}

export interface Difference {
  field: string
  label: string
  /** Lines taken away and lines that came. */
  before: string[]
  after: string[]
}

/** What publishing would change, field by field in the order of the screen; lists entry by entry. */
export function differences(before: Content | null, after: Content): Difference[] {
  const found: Difference[] = []
  for (const field of Object.keys(texts.catalogue.fields) as (keyof Content)[]) {
    const old = before ? lines(before[field]) : []
    const now = lines(after[field])
    const gone = old.filter((line) => !now.includes(line))
    const come = now.filter((line) => !old.includes(line))
    const moved = !gone.length && !come.length && old.join('\n') !== now.join('\n')
    if (moved) found.push({ field, label: texts.catalogue.fields[field], before: [], after: [texts.catalogue.reordered] })
    else if (gone.length || come.length) found.push({ field, label: texts.catalogue.fields[field], before: gone, after: come })
  }
  return found
}

const WORDS: Record<string, string> = {
  ...texts.kinds, ...texts.fields, ...texts.levels, ...texts.audiences, ...texts.deliveries, ...texts.onlines, ...texts.counters, ...texts.lifeEvents,
}

function lines(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(line)
  const text = line(value)
  return text === '' ? [] : [text]
}

function line(value: unknown): string {
  if (typeof value === 'string') return WORDS[value] ?? value
  if (typeof value !== 'object' || value === null) return String(value ?? '')
  return Object.entries(value)
    .filter(([, one]) => one !== '' && one !== null && !(Array.isArray(one) && !one.length))
    .map(([name, one]) => `${texts.catalogue.parts[name as keyof typeof texts.catalogue.parts] ?? name}：${part(name, one)}`)
    .join('；')
}

function part(name: string, value: unknown): string {
  if (name === 'amount_fen') return `${(Number(value) / 100).toFixed(2)} 元`
  if (typeof value === 'boolean') return value ? texts.yes : texts.no
  if (name === 'type') return texts.fieldTypes[value as keyof typeof texts.fieldTypes] ?? String(value)
  if (name === 'material_class') return texts.materialClasses[value as keyof typeof texts.materialClasses] ?? String(value)
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'object' ? (one as { label: string }).label : String(one))).join('、')
  if (typeof value === 'object' && value !== null) {
    const when = value as Schemas['When']
    return `${when.field} = ${when.is_one_of.join(' / ')}`
  }
  return String(value)
}
