/**
 * The officer's conversations as they happen: lists, transcripts, what is on its way, and the one socket.
 *
 * It lives as long as the session, so that an officer who looks at another screen is still there for residents.
 */
import { ElMessage } from 'element-plus'
import { defineStore } from 'pinia'
import { computed, reactive, ref, watch } from 'vue'
import { ApiError, call, type Schemas } from '../api/client'
import { LiveSocket, type Entry, type Told } from '../api/socket'
import { texts } from '../texts'
import { openOutbox, type Outbox, type Outgoing } from './outbox'
import { useSession } from './session'

export type Desk = Schemas['DeskConversation']
export type View = 'mine' | 'queue' | 'forms' | 'all' | 'ended'

export interface Talk {
  conversation: Desk
  page: Schemas['ConversationPage']
  entries: Entry[]
  /** When the resident was last seen typing, by this machine's clock. */
  typingAt: number
}

const REFRESH_MS = 10_000
const GATHER_MS = 250
// Passing troubles: the message stays and is sent again. Anything else is a refusal that a person must look at.
const PASSING = new Set(['OFFLINE', 'TIMEOUT', 'UNAVAILABLE', 'TOO_MANY_REQUESTS', 'INTERNAL', 'CONFLICT', 'NOT_AUTHENTICATED'])
const COMES_TO_ME = new Set(['conversation.assigned', 'conversation.handed_to'])

export const useInbox = defineStore('inbox', () => {
  const session = useSession()
  const lists = reactive<Record<View, Desk[] | null>>({ mine: null, queue: null, forms: null, all: null, ended: null })
  // None: the last seven days.
  const endedDay = ref<string | null>(null)
  const talks = reactive(new Map<string, Talk>())
  const presence = ref<Schemas['OfficerView'] | null>(null)
  const error = ref('')
  const running = ref(false)
  const started = ref(false)
  let outbox: Outbox = openOutbox('')
  const waiting = ref<Outgoing[]>([])
  let unwatch: (() => void) | undefined
  let timer: ReturnType<typeof setInterval> | undefined
  let gathered: ReturnType<typeof setTimeout> | undefined
  let flushing = false
  // What this screen has just taken is no news to it.
  const acted = new Set<string>()

  const socket = new LiveSocket(hear, () => {
    void refresh()
    void flush()
  })
  const supervisor = computed(() => session.may(['supervisor']))
  const me = computed(() => session.me?.staff_id ?? '')

  function start(): void {
    if (started.value || !me.value) return
    started.value = true
    outbox = openOutbox(me.value)
    unwatch = watch(outbox.waiting, (now) => (waiting.value = [...now]), { deep: true, immediate: true })
    socket.start()
    void refresh()
    void call('get', '/staff/presence').then((found) => (presence.value = found)).catch(() => undefined)
    timer = setInterval(() => void tick(), REFRESH_MS)
  }

  function stop(): void {
    started.value = false
    clearInterval(timer)
    clearTimeout(gathered)
    socket.stop()
    unwatch?.()
    talks.clear()
    for (const view of Object.keys(lists) as View[]) lists[view] = null
    endedDay.value = presence.value = null
    waiting.value = []
  }

  watch(() => session.token, (token) => { if (!token) stop() })

  async function tick(): Promise<void> {
    if (!navigator.onLine) return
    await refresh()
    // No socket gets through: the same entries come over HTTP.
    if (!socket.online.value) for (const id of talks.keys()) await catchUp(id).catch(() => undefined)
    // Also over an open socket: what was refused for the moment goes now.
    await flush()
  }

  /** The lists anew. What the officer does beside it is a use of the session; this by itself is none. */
  async function refresh(): Promise<void> {
    if (running.value || !started.value) return
    running.value = true
    try {
      const views: View[] = supervisor.value ? ['mine', 'queue', 'forms', 'all'] : ['mine', 'queue', 'forms']
      const found = await Promise.all(views.map((view) => call('get', '/staff/conversations', { query: { view }, background: true })))
      views.forEach((view, index) => (lists[view] = found[index]?.conversations ?? []))
      error.value = ''
    } catch (failure) {
      error.value = failure instanceof ApiError ? failure.message : texts.errors.internal
    } finally {
      running.value = false
    }
    for (const one of [...(lists.mine ?? []), ...(lists.queue ?? []), ...(lists.forms ?? []), ...(lists.all ?? [])]) {
      const talk = talks.get(one.id)
      if (talk && one.created_at === talk.conversation.created_at) talk.conversation = one
    }
    // Also one that was somebody else's for a while.
    for (const one of lists.mine ?? []) if (!talks.has(one.id) || !socket.follows(one.id)) void open(one.id, true).catch(() => undefined)
  }

  /** What is over, read when somebody looks: it does not change by itself. Raises ApiError. */
  async function loadEnded(): Promise<void> {
    const day = endedDay.value
    const found = await call('get', '/staff/conversations', { query: { view: 'ended', first: day ?? undefined, last: day ?? undefined } })
    if (day === endedDay.value) lists.ended = found.conversations
  }

  function refreshSoon(): void {
    clearTimeout(gathered)
    gathered = setTimeout(() => void refresh(), GATHER_MS)
  }

  /** Reads a conversation and follows it from then on. `background`: nobody has asked for it. Raises ApiError. */
  async function open(id: string, background = false): Promise<Talk> {
    const page = await call('get', '/staff/conversations/{conversation_id}', { path: { conversation_id: id }, background })
    const known = talks.get(id)
    const entries = known?.entries ?? []
    talks.set(id, { conversation: page.conversation, page, entries, typingAt: known?.typingAt ?? 0 })
    add(id, page.entries as unknown as Entry[])
    if (!socket.follows(id)) await socket.follow(id, talks.get(id)?.entries.at(-1)?.seq ?? 0)
    return talks.get(id) as Talk
  }

  async function catchUp(id: string): Promise<void> {
    const talk = talks.get(id)
    if (!talk) return
    for (;;) {
      const after = talk.entries.at(-1)?.seq ?? 0
      const found = await call('get', '/staff/conversations/{conversation_id}/events', { path: { conversation_id: id }, query: { after }, background: true })
      talk.conversation = found.conversation
      add(id, found.entries as unknown as Entry[])
      if (!found.more) return
    }
  }

  function add(id: string, fresh: Entry[]): void {
    const talk = talks.get(id)
    if (!talk) return
    for (const entry of fresh) {
      if (entry.seq <= (talk.entries.at(-1)?.seq ?? 0)) continue
      talk.entries.push(entry)
      if (entry.side === 'resident') talk.typingAt = 0
      if (entry.client_msg_id) outbox.done(entry.client_msg_id)
      const target = talk.entries.find((one) => one.seq === entry.data?.seq)
      if (target && entry.kind === 'recall') Object.assign(target, { recalled: true, text: '', data: {} })
      if (target && entry.kind === 'masked') Object.assign(target, { text: '', masked: entry.text ?? '' })
    }
    socket.have(id, talk.entries.at(-1)?.seq ?? 0)
  }

  function hear(told: Told): void {
    const talk = talks.get(told.conversation)
    if (told.type === 'entries') {
      add(told.conversation, told.entries ?? [])
      if (told.entries?.some((entry) => entry.kind === 'system')) {
        refreshSoon()
        void catchUp(told.conversation).catch(() => undefined)
      }
    } else if (told.type === 'typing' && talk) talk.typingAt = Date.now()
    else if (told.type === 'read' && talk && told.side === 'resident') {
      talk.conversation.read_resident = Math.max(talk.conversation.read_resident, told.seq ?? 0)
    } else if (told.type === 'left' && talk) {
      // Gone to somebody else: what was read stays on the screen, nothing new comes.
      talk.conversation = { ...talk.conversation, owner: null, members: [], actions: [] }
      refreshSoon()
    } else if (told.type === 'inbox') {
      if (COMES_TO_ME.has(told.event ?? '') && !talk && !acted.has(told.conversation)) ElMessage({ type: 'info', message: texts.inbox.comes, showClose: true })
      refreshSoon()
    }
  }

  // -- acting ------------------------------------------------------------------------------------------------------

  function say(conversation: string, what: { text?: string; file?: string; card?: Outgoing['card'] }): void {
    outbox.add({ conversation, text: what.text ?? '', file: what.file ?? '', card: what.card ?? null })
    void flush()
  }

  /** Sends what waits, in its order, one after the other; stops at the first that cannot go now. */
  async function flush(): Promise<void> {
    if (flushing) return
    flushing = true
    try {
      for (;;) {
        const next = outbox.waiting.value.find((one) => !one.refused)
        if (!next) return
        try {
          await deliver(next)
        } catch (failure) {
          if (failure instanceof ApiError && !PASSING.has(failure.code)) outbox.refuse(next.client_msg_id, failure.message)
          else return
        }
      }
    } finally {
      flushing = false
    }
  }

  async function deliver(one: Outgoing): Promise<void> {
    const { client_msg_id, conversation, text, file, card } = one
    if (socket.online.value) await socket.ask('say', { conversation, client_msg_id, text, file, card })
    else if (!navigator.onLine) throw new ApiError('OFFLINE', texts.errors.offline)
    else {
      await call('post', '/staff/conversations/{conversation_id}/messages', {
        path: { conversation_id: conversation }, body: { client_msg_id, text, file, card }, key: client_msg_id,
      })
      await catchUp(conversation)
    }
    // Numbered. The entry itself comes as everybody's does, and takes the place of what was on its way.
    const talk = talks.get(conversation)
    if (!talk || talk.entries.some((entry) => entry.client_msg_id === client_msg_id)) outbox.done(client_msg_id)
    else await catchUp(conversation).finally(() => outbox.done(client_msg_id))
  }

  function again(id: string): void {
    outbox.refuse(id, '')
    void flush()
  }

  function giveUp(id: string): void {
    outbox.done(id)
  }

  function read(id: string): void {
    const talk = talks.get(id)
    const last = talk?.entries.findLast((entry) => entry.side === 'resident')?.seq ?? 0
    if (!talk || !writes(talk.conversation) || last <= talk.conversation.read_staff) return
    talk.conversation.read_staff = last
    void socket.ask('read', { conversation: id, seq: last }).catch(() => undefined)
  }

  function typing(id: string): void {
    socket.mention('typing', { conversation: id })
  }

  async function beat(status: 'online' | 'away'): Promise<void> {
    presence.value = await call('put', '/staff/presence', { body: { status } })
    refreshSoon()
  }

  /** What changes a conversation: done over HTTP, then everything is read anew. */
  async function act(id: string, doing: () => Promise<Desk>): Promise<void> {
    acted.add(id)
    const changed = await doing().finally(() => setTimeout(() => acted.delete(id), REFRESH_MS))
    const talk = talks.get(id)
    if (talk) talk.conversation = changed
    await refresh()
  }

  /** Whether this person may open it: theirs now or at last, everybody's form, all for supervisors. */
  function reads(one: Desk): boolean {
    return supervisor.value || one.state === 'deferred' || [one.owner, one.last_owner, ...one.members].includes(me.value)
  }

  /** Whether this person may write in it. */
  function writes(one: Desk): boolean {
    return one.state === 'with_staff' && (one.owner === me.value || one.members.includes(me.value))
  }

  function unread(id: string): number {
    const talk = talks.get(id)
    if (!talk) return 0
    return talk.entries.filter((entry) => entry.side === 'resident' && entry.kind !== 'recall' && entry.seq > talk.conversation.read_staff).length
  }

  return {
    lists, endedDay, talks, presence, error, running, online: socket.online, waiting, supervisor, me,
    start, stop, refresh, open, say, again, giveUp, read, typing, beat, act, reads, writes, unread, loadEnded,
  }
})
