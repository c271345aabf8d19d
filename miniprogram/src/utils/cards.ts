import type { Option, Reply } from '@/api/types'
import { zhTalk } from '@/texts/talk'
import { dayLabel } from '@/utils/dates'

/** What the cards of a dialogue carry (services/dialogue/model.py, Reply.data); the API's description leaves it open. */
export interface ItemAnswer {
  item: string
  name: string
  department?: string
  limit_days?: number
  fee?: string
  materials?: number
  online?: string
  matched?: { word: string }[]
}
export interface Confirmation {
  task: string
  item_name?: string
  centre_name?: string
  address?: string
  time?: string
  materials?: string[]
  notes?: string[]
  kind_words?: string
  matter?: string
  place?: string
  happened?: string
  photos?: string[]
  departments?: string[]
  limit_days?: number
  due?: string
}
/** A booking, a bill, a complaint, or whatever `kind` of a progress says. */
export interface Thing {
  id: string
  kind?: string
  title?: string
  state?: string
  payee?: string
  amount_fen?: number
}

export const itemOf = (reply: Reply) => reply.data as unknown as ItemAnswer
export const confirmationOf = (reply: Reply) => reply.data as unknown as Confirmation
export const thingOf = (reply: Reply) => reply.data as unknown as Thing

/** What is agreed to by a yes, name by name: the same on the first page and in a conversation. */
export function factsOf(one: Confirmation): [string, string][] {
  const words = zhTalk.confirm
  return [
    [words.item, one.item_name ?? ''],
    [words.time, one.time ?? ''],
    [words.centre, [one.centre_name, one.address].filter(Boolean).join('\n')],
    [words.bring, (one.materials ?? []).join('\n')],
    [words.kind, one.kind_words ?? ''],
    [words.matter, one.matter ?? ''],
    [words.place, one.place ?? ''],
    [words.happened, one.happened ?? ''],
    [words.photos, one.photos?.length ? words.photoCount(one.photos.length) : ''],
    [words.departments, (one.departments ?? []).join('、')],
    [words.answer, one.due ? `${dayLabel(one.due)}（${words.days(one.limit_days ?? 0)}）` : ''],
    [words.notes, (one.notes ?? []).join('\n')],
  ]
}

/** "yes:…" confirms; every other button of a confirmation changes or ends it. */
export const isWait = ({ choice }: Option) => choice.startsWith('wait:')
/** The next tap will ask for WeChat's consent: what it asks for is read before. */
export const asksConsent = ({ card, options }: Reply) => card === 'confirm' || options.some(isWait)
export const isYes = ({ choice }: Option) => choice.startsWith('yes')
export const goesOn = ({ choice }: Option) => choice === 'again'
