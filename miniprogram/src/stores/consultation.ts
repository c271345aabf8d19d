import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import { bytes, get, post } from '@/api/client'
import { ApiError, sentence } from '@/api/errors'
import { onFrame, onResume, tell, type Frame } from '@/api/socket'
import type { Conversation, Entry, Satisfaction } from '@/api/types'
import { newKey } from '@/utils/keys'
import { onSignOut, useSession } from './session'

const UNSENT = 'unsent'
/** Above every number of an entry: the newest ones. */
const END = 1_000_000_000
const PAGE = 50
const TYPING_SHOWN = 5000
const TYPING_TOLD = 3000

/** A message on its way. It keeps its name until it is in the conversation, so sent twice it is one message. */
export interface Unsent {
  conversation: string
  name: string
  text: string
  file: string
  error: string
}

/** My conversation with the bot and with staff: gapless entries, and what is not sent yet (on this phone). */
export const useConsultation = defineStore('consultation', () => {
  const session = useSession()
  const one = ref<Conversation | null>(null)
  const entries = ref<Entry[]>([])
  const unsent = ref<Unsent[]>((uni.getStorageSync(UNSENT) || []) as Unsent[])
  /** All of the last year, the newest first. */
  const mine = ref<Conversation[] | null>(null)
  const tags = ref<Record<string, string>>({})
  /** In which a person can answer. */
  const languages = ref<Record<string, string>>({})
  /** Whether people answer now. */
  const openNow = ref(false)
  const typing = ref(false)
  const waiting = computed(() => unsent.value.filter(({ conversation }) => conversation === one.value?.id))
  const last = () => entries.value[entries.value.length - 1]?.seq ?? 0
  let typingEnds: ReturnType<typeof setTimeout> | undefined
  let toldTyping = 0
  let sending = false

  const path = (conversation = one.value?.id ?? '') => ({ path: { conversation_id: conversation } })
  const keep = () => uni.setStorageSync(UNSENT, JSON.parse(JSON.stringify(unsent.value)))

  /** The conversation `id`, else the open one, else a new one, with its newest entries. */
  async function open(id = '') {
    await session.ensure()
    const current = await get('/api/conversations/current')
    tags.value = current.tags
    openNow.value = current.open_now
    languages.value = current.languages
    if (id) one.value = await get('/api/conversations/{conversation_id}', path(id))
    else one.value = current.conversation ?? (await post('/api/conversations', { body: { language: '' } }))
    entries.value = (
      await get('/api/conversations/{conversation_id}/history', { ...path(), query: { before: END, limit: PAGE } })
    ).entries
    follow()
    await flushAll()
  }
  /** In which a person is to answer; it can be chosen while the bot has the conversation. */
  async function speak(language: string) {
    one.value = await post('/api/conversations', { body: { language } })
  }
  async function loadMine() {
    await session.ensure()
    mine.value = (await get('/api/conversations')).conversations
  }
  /** One page before the first entry here; false when that is the first of all. */
  async function earlier(): Promise<boolean> {
    const first = entries.value[0]?.seq ?? 1
    if (first <= 1) return false
    const query = { before: first, limit: PAGE }
    const found = await get('/api/conversations/{conversation_id}/history', { ...path(), query })
    entries.value = [...found.entries, ...entries.value]
    return found.entries.length > 0
  }
  /** Everything after the last entry here: whatever the socket lost. */
  async function catchUp() {
    const id = one.value?.id
    if (!id) return
    for (let more = true; more && one.value?.id === id; ) {
      const query = { after: last() }
      const found = await get('/api/conversations/{conversation_id}/events', { ...path(), query })
      found.entries.forEach(take)
      more = found.more && found.entries.length > 0
    }
  }
  const refresh = async () => {
    const id = one.value?.id
    const found = id ? await get('/api/conversations/{conversation_id}', path(id)) : null
    if (found && one.value?.id === id) one.value = found
  }
  function follow() {
    if (one.value) tell({ type: 'resume', conversation: one.value.id, after: last() })
  }

  /** Entries come in order and once, whichever way they came; a gap is read from the API. */
  function take(entry: Entry) {
    if (entry.seq <= last()) return
    if (last() && entry.seq !== last() + 1) return void catchUp().catch(() => {})
    entries.value.push(entry)
    if (entry.client_msg_id) arrived(entry.client_msg_id)
    if (entry.kind === 'recall') {
      const gone = entries.value.find(({ seq }) => seq === (entry.data as { seq?: number } | undefined)?.seq)
      if (gone) Object.assign(gone, { recalled: true, text: '' })
    }
    if (!entry.mine) typing.value = false
    if (entry.kind === 'system') void refresh().catch(() => {})
  }
  function arrived(name: string) {
    unsent.value = unsent.value.filter((message) => message.name !== name)
    keep()
  }

  async function say(text: string, file = '') {
    if (!one.value) return
    unsent.value.push({ conversation: one.value.id, name: newKey(), text, file, error: '' })
    keep()
    await flush()
  }
  /** Sends what waits, in its order; what the city refuses keeps its reason and lets the next one pass. */
  async function flush() {
    if (sending) return
    sending = true
    try {
      // Looked up anew each time: something is said while another message is still on its way.
      const next = () => waiting.value.find(({ error }) => !error)
      for (let message = next(); message; message = next()) await deliver(message)
    } finally {
      sending = false
    }
  }
  async function deliver(message: Unsent) {
    try {
      const body = { client_msg_id: message.name, text: message.text, file: message.file }
      await post('/api/conversations/{conversation_id}/messages', { ...path(message.conversation), body })
      await catchUp()
      arrived(message.name)
    } catch (problem) {
      // Without a network nothing else gets through either: all of it says so, none says that it is on its way.
      const stuck = problem instanceof ApiError && problem.passing ? waiting.value : [message]
      stuck.forEach((one) => (one.error ||= sentence(problem)))
      keep()
    }
  }
  /** What failed for want of a network goes again by itself. */
  async function flushAll() {
    waiting.value.forEach((message) => (message.error = ''))
    await flush()
  }
  async function resend(message: Unsent) {
    message.error = ''
    await flush()
  }
  const discard = (message: Unsent) => arrived(message.name)

  async function step(action: 'hand-over' | 'return-to-bot' | 'close' | 'reopen') {
    one.value = await post(`/api/conversations/{conversation_id}/${action}`, path())
    await catchUp()
  }
  async function leaveForm(question: string, contact: string) {
    one.value = await post('/api/conversations/{conversation_id}/form', { ...path(), body: { question, contact } })
    await catchUp()
  }
  async function rate(level: Satisfaction, chosen: string[], words: string) {
    const body = { level, tags: chosen, words }
    await post('/api/conversations/{conversation_id}/rating', { ...path(), body })
    await refresh()
  }
  async function recall(seq: number) {
    await post('/api/conversations/{conversation_id}/recall', { ...path(), body: { seq } })
    await catchUp()
  }
  /** The other side learns that everything here was on the screen. */
  async function readAll() {
    const newest = last()
    if (!one.value || newest <= one.value.read_resident) return
    one.value.read_resident = newest
    await post('/api/conversations/{conversation_id}/read', { ...path(), body: { seq: newest } })
  }
  const image = (seq: number): Promise<ArrayBuffer> =>
    bytes('/api/conversations/{conversation_id}/images/{seq}', {
      conversation_id: one.value?.id ?? '',
      seq: String(seq),
    })
  function tellTyping() {
    if (!one.value || Date.now() - toldTyping < TYPING_TOLD) return
    toldTyping = Date.now()
    tell({ type: 'typing', conversation: one.value.id })
  }
  function leave() {
    if (one.value) tell({ type: 'leave', conversation: one.value.id })
    one.value = null
    entries.value = []
  }

  onFrame((frame: Frame) => {
    if (!one.value) return
    if (frame.type === 'entries' && frame.conversation === one.value.id) (frame.entries as Entry[]).forEach(take)
    else if (frame.type === 'queue') void refresh().catch(() => {})
    else if (frame.type === 'read' && typeof frame.seq === 'number') one.value.read_staff = frame.seq
    else if (frame.type === 'typing') {
      typing.value = true
      clearTimeout(typingEnds)
      typingEnds = setTimeout(() => (typing.value = false), TYPING_SHOWN)
    }
  })
  onResume(() => {
    follow()
    void catchUp().then(flushAll).catch(() => {})
  })
  onSignOut(() => {
    leave()
    mine.value = null
    unsent.value = []
  })
  return {
    one, entries, waiting, tags, typing, mine, openNow, languages, open, speak, loadMine, earlier, catchUp, refresh, say, flush, resend, discard, step, leaveForm,
    rate, recall, readAll, image, tellTyping, leave,
  }
})
