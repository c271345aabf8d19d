import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import type { Bill, Booking, CaseLine } from '@/api/types'
import { zh } from '@/texts/zh'
import { clockTime, dayLabel, dayOf, nearDay } from '@/utils/dates'
import { yuan } from '@/utils/money'
import { routes } from '@/utils/routes'
import { useBookings } from './bookings'
import { useCases } from './cases'
import { usePayments } from './payments'

/** One thing that waits for the resident: shown on the first page, soonest first. */
export interface NextThing {
  id: string
  title: string
  line: string
  url: string
  /** When it is due, as the API writes instants. */
  at: string
}

const MOST = 4
/** What is next for me: a supplement asked, a bill due, a booking. A capability adds its things here. */
export const useNext = defineStore('next', () => {
  const bookings = useBookings()
  const cases = useCases()
  const payments = usePayments()
  const now = ref(Date.now())
  const booked = computed<NextThing[]>(() =>
    bookings.open.map((one: Booking) => ({
      id: one.id,
      title: `${nearDay(dayOf(one.start), now.value)} ${dayLabel(dayOf(one.start))} ${clockTime(one.start)}`,
      line: `${one.item_name} · ${one.centre_name} · ${one.state_text}`,
      url: ['held', 'offered'].includes(one.state) ? routes.confirm(one.id) : routes.booking(one.id),
      at: one.start,
    })),
  )
  // Asked in the past: what waits for the resident comes before what is still to come.
  const missing = computed<NextThing[]>(() =>
    cases.asking.map((one: CaseLine) => ({
      id: one.id,
      title: zh.home.supplement,
      line: one.item_name,
      url: routes.supplement(one.id),
      at: one.updated_at,
    })),
  )
  const owed = computed<NextThing[]>(() =>
    payments.open.map((one: Bill) => ({
      id: one.id,
      title: zh.home.owed(yuan(one.amount_fen)),
      line: one.due_at ? `${one.title} · ${zh.home.payBy(dayLabel(dayOf(one.due_at)))}` : one.title,
      url: routes.bill(one.id),
      at: one.created_at,
    })),
  )
  const things = computed(() => [...missing.value, ...owed.value, ...booked.value].sort((a, b) => a.at.localeCompare(b.at)).slice(0, MOST))
  async function load() {
    now.value = Date.now()
    // One that fails leaves the others.
    await Promise.allSettled([bookings.load(), cases.load(), payments.load()])
  }
  return { things, load }
})
