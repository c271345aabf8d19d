import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import { get, picture, post } from '@/api/client'
import { onLiveEvent, onResume } from '@/api/socket'
import type { Booking, Calendar } from '@/api/types'
import { newKey } from '@/utils/keys'
import { onSignOut, useSession } from './session'

const OPEN = ['held', 'offered', 'confirmed', 'checked_in', 'called', 'waiting']

/** My bookings, and the steps of making one. */
export const useBookings = defineStore('bookings', () => {
  const session = useSession()
  const list = ref<Booking[] | null>(null)
  /** Counts the news of my bookings: a page that shows one reads it again. */
  const news = ref(0)
  const open = computed(() =>
    (list.value ?? []).filter((one) => OPEN.includes(one.state)).sort((a, b) => a.start.localeCompare(b.start)),
  )
  const past = computed(() => (list.value ?? []).filter((one) => !OPEN.includes(one.state)))

  async function load() {
    await session.ensure()
    list.value = (await get('/api/bookings')).bookings
  }
  async function one(id: string): Promise<Booking> {
    await session.ensure()
    return keep(await get('/api/bookings/{booking_id}', { path: { booking_id: id } }))
  }
  const calendar = (item: string, centre: string): Promise<Calendar> =>
    get('/api/calendar', { query: { item, centre } as never })

  async function hold(item: string, centre: string, start: string): Promise<Booking> {
    await session.ensure()
    return keep(await post('/api/bookings', { body: { item, centre, start } }))
  }
  async function wait(item: string, centre: string, start: string): Promise<Booking> {
    await session.ensure()
    return keep(await post('/api/waiting', { body: { item, centre, start } }))
  }
  const confirmKeys: Record<string, string> = {}
  /** However often it is tapped, one booking has one key. */
  async function confirm(id: string): Promise<Booking> {
    const key = (confirmKeys[id] ??= newKey())
    return keep(await post('/api/bookings/{booking_id}/confirm', { path: { booking_id: id }, key }))
  }
  async function move(id: string, start: string, centre: string): Promise<Booking> {
    return keep(await post('/api/bookings/{booking_id}/move', { path: { booking_id: id }, body: { start, centre } }))
  }
  async function cancel(id: string): Promise<Booking> {
    return keep(await post('/api/bookings/{booking_id}/cancel', { path: { booking_id: id }, body: { reason: '' } }))
  }
  const code = (id: string) => picture('/api/bookings/{booking_id}/code.png', { booking_id: id })

  function keep(booking: Booking): Booking {
    if (list.value) list.value = [booking, ...list.value.filter(({ id }) => id !== booking.id)]
    return booking
  }
  async function refresh() {
    news.value += 1
    if (!session.token || list.value === null) return
    await load().catch(() => {})
  }
  onLiveEvent(({ name }) => void (name.startsWith('booking.') && refresh()))
  onResume(() => void refresh())
  onSignOut(() => (list.value = null))
  return { list, news, open, past, load, one, calendar, hold, wait, confirm, move, cancel, code }
})
