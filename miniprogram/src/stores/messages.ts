import { ref } from 'vue'
import { defineStore } from 'pinia'
import { get, put } from '@/api/client'
import { onLiveEvent, onResume } from '@/api/socket'
import type { Message, Subscription } from '@/api/types'
import { askConsent, type Consent } from '@/utils/wechat'
import { wait } from '@/utils/wait'
import { onSignOut, useSession } from './session'

/** WeChat's limit of one dialog. */
const MOST_TEMPLATES = 3
/** Told to who waits for a place. */
export const OFFERS = ['place_offered', 'offer_lapsed']
/** An event becomes a message a moment later. */
const MESSAGE_FOLLOWS = 1500

/** The inbox, and the consents to be told through WeChat. */
export const useMessages = defineStore('messages', () => {
  const session = useSession()
  const list = ref<Message[] | null>(null)
  const unread = ref(0)
  const next = ref<string | null>(null)
  const subscriptions = ref<Subscription[]>([])

  async function load() {
    await session.ensure()
    const page = await get('/api/messages', {})
    list.value = page.messages
    unread.value = page.unread
    next.value = page.next
  }
  async function older() {
    if (!next.value) return
    const page = await get('/api/messages', { query: { after: next.value } as never })
    list.value = [...(list.value ?? []), ...page.messages]
    next.value = page.next
  }
  async function read(message: Message) {
    if (message.read) return
    message.read = true
    unread.value = Math.max(0, unread.value - 1)
    await put('/api/messages/{message_id}/read', { path: { message_id: message.id } })
  }
  async function readAll() {
    for (const message of (list.value ?? []).filter((one) => !one.read)) await read(message)
  }
  async function loadSubscriptions() {
    await session.ensure()
    subscriptions.value = (await get('/api/subscriptions')).subscriptions
  }
  /** In a tap, with `loadSubscriptions` done before: WeChat opens its dialog at no other time. */
  async function ask(codes: string[]): Promise<Consent> {
    const wanted = subscriptions.value.filter((one) => one.codes.some((code) => codes.includes(code)))
    const same = wanted.filter(({ kind }) => kind === wanted[0].kind).slice(0, MOST_TEMPLATES)
    return askConsent(same.map((one) => ({ id: one.template_id, title: one.titles.join('、') })))
  }
  /** Whether at least one was allowed. */
  const consent = async (codes: string[]) => (await ask(codes)) === 'allowed'
  async function refresh() {
    if (session.token) await load().catch(() => {})
  }
  onLiveEvent(() => void wait(MESSAGE_FOLLOWS).then(refresh))
  onResume(() => void refresh())
  onSignOut(() => {
    list.value = null
    unread.value = 0
  })
  return { list, unread, next, subscriptions, load, older, read, readAll, loadSubscriptions, ask, consent, refresh }
})
