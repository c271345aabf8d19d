import type { Option, Reply } from '@/api/types'

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

/** "yes:…" confirms; every other button of a confirmation changes or ends it. */
export const isYes = ({ choice }: Option) => choice.startsWith('yes')
export const goesOn = ({ choice }: Option) => choice === 'again'
