/**
 * The one socket of the console: `/staff/live`, frames as docs/consultation.md lists them.
 *
 * It says hello, answers for what was asked by a frame's id, pings, comes back by itself with growing pauses, and then
 * resumes every conversation that is followed from the last number it has: entries come in order, none twice.
 */
import { ref, type Ref } from 'vue'
import { texts } from '../texts'
import { ApiError, sessionEnded, tokenNow, type Schemas } from './client'

export interface Entry {
  seq: number
  at: string
  side: 'resident' | 'staff' | 'bot' | 'system'
  kind: string
  text?: string
  data?: Record<string, unknown>
  sender?: string
  client_msg_id?: string
  mine?: boolean
  recalled?: boolean
  check?: string
  masked?: string
}

/** What comes unasked. */
export interface Told {
  type: 'entries' | 'typing' | 'read' | 'inbox' | 'left'
  conversation: string
  entries?: Entry[]
  side?: string
  seq?: number
  event?: string
  state?: string
}

interface Frame extends Omit<Told, 'type' | 'conversation'> {
  type: string
  id?: string
  conversation?: string | Schemas['DeskConversation']
  error?: { code: string; message: string; fields: Record<string, unknown>; request_id: string }
}

interface Waiting {
  resolve: (frame: Frame) => void
  reject: (error: ApiError) => void
  timer: ReturnType<typeof setTimeout>
}

const PING_MS = 20_000
const ANSWER_MS = 10_000
const PAUSES_MS = [300, 1000, 2000, 4000, 8000, 15_000]
const SESSION_ENDED = 4003
const TOO_MANY_SOCKETS = 4008

export class LiveSocket {
  /** Frames go through now. */
  readonly online: Ref<boolean> = ref(false)
  private socket: WebSocket | null = null
  private readonly asked = new Map<string, Waiting>()
  private readonly last = new Map<string, number>()
  private names = 0
  private tries = 0
  private stopped = true
  private again: ReturnType<typeof setTimeout> | undefined
  private pinging: ReturnType<typeof setInterval> | undefined

  constructor(
    private readonly tell: (told: Told) => void,
    private readonly greeted: () => void,
  ) {}

  start(): void {
    if (!this.stopped) return
    this.stopped = false
    window.addEventListener('online', this.atOnce)
    window.addEventListener('offline', this.lost)
    this.connect()
  }

  stop(): void {
    this.stopped = true
    window.removeEventListener('online', this.atOnce)
    window.removeEventListener('offline', this.lost)
    clearTimeout(this.again)
    this.last.clear()
    this.drop()
  }

  /** Sends a frame; its answer. Rejects with what the API refused, OFFLINE, or TIMEOUT. */
  ask(type: string, fields: Record<string, unknown> = {}): Promise<Frame> {
    const socket = this.socket
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(new ApiError('OFFLINE', texts.errors.offline))
    const id = `f${++this.names}`
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.asked.delete(id)
        reject(new ApiError('TIMEOUT', texts.errors.timeout))
      }, ANSWER_MS)
      this.asked.set(id, { resolve, reject, timer })
      socket.send(JSON.stringify({ type, id, ...fields }))
    })
  }

  /** Without an answer; lost when nobody is there to take it. */
  mention(type: string, fields: Record<string, unknown>): void {
    if (this.online.value) this.socket?.send(JSON.stringify({ type, ...fields }))
  }

  /** From now on all entries after `after`, also over a lost connection. */
  async follow(conversation: string, after: number): Promise<void> {
    this.last.set(conversation, after)
    if (this.online.value) await this.resume(conversation)
  }

  follows(conversation: string): boolean {
    return this.last.has(conversation)
  }

  unfollow(conversation: string): void {
    if (this.last.delete(conversation)) this.mention('leave', { conversation })
  }

  /** Entries came another way: they are not asked for again. */
  have(conversation: string, seq: number): void {
    const known = this.last.get(conversation)
    if (known !== undefined && seq > known) this.last.set(conversation, seq)
  }

  // -- inside --------------------------------------------------------------------------------------------------

  private readonly atOnce = (): void => {
    if (this.online.value) return
    this.tries = 0
    clearTimeout(this.again)
    this.connect()
  }

  private readonly lost = (): void => this.drop()

  private connect(): void {
    if (this.stopped || !tokenNow()) return
    this.drop()
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/staff/live`)
    this.socket = socket
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', token: tokenNow() }))
    socket.onmessage = (message) => this.take(JSON.parse(String(message.data)) as Frame)
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code)
    }
  }

  private take(frame: Frame): void {
    if (frame.type === 'welcome') {
      this.tries = 0
      this.online.value = true
      this.pinging = setInterval(() => void this.ask('ping').catch(() => this.retry()), PING_MS)
      for (const conversation of this.last.keys()) void this.resume(conversation).catch(() => undefined)
      this.greeted()
      return
    }
    const waiting = frame.id ? this.asked.get(frame.id) : undefined
    if (waiting && frame.id) {
      this.asked.delete(frame.id)
      clearTimeout(waiting.timer)
      const error = frame.error
      if (error) waiting.reject(new ApiError(error.code, error.message, 0, error.fields, error.request_id))
      else waiting.resolve(frame)
      return
    }
    if (frame.type === 'error') {
      if (frame.error?.code === 'NOT_AUTHENTICATED') this.ended()
      return
    }
    this.hear(frame)
  }

  private hear(frame: Frame): void {
    if (typeof frame.conversation !== 'string') return
    const conversation = frame.conversation
    if (frame.type === 'left') this.last.delete(conversation)
    if (frame.type === 'entries') {
      const known = this.last.get(conversation)
      if (known === undefined) return
      const fresh = (frame.entries ?? []).filter((entry) => entry.seq > known)
      this.last.set(conversation, fresh.at(-1)?.seq ?? known)
      this.tell({ type: 'entries', conversation, entries: fresh })
      return
    }
    this.tell({ ...frame, conversation } as Told)
  }

  private async resume(conversation: string): Promise<void> {
    try {
      await this.ask('resume', { conversation, after: this.last.get(conversation) ?? 0 })
    } catch (error) {
      if (error instanceof ApiError && error.code === 'CONVERSATION_NOT_FOUND') {
        this.last.delete(conversation)
        this.tell({ type: 'left', conversation })
      } else if (this.online.value) {
        // Refused for the moment: without it nothing would come until the line breaks. Offline, the next line resumes.
        setTimeout(() => { if (this.online.value && this.follows(conversation)) void this.resume(conversation) }, PAUSES_MS.at(-1))
      }
    }
  }

  private closed(code: number): void {
    this.drop()
    if (code === SESSION_ENDED) this.ended()
    else if (!this.stopped) {
      const pause = code === TOO_MANY_SOCKETS ? 30_000 : (PAUSES_MS[Math.min(this.tries, PAUSES_MS.length - 1)] ?? 15_000)
      this.tries += 1
      // Spread out: after a restart all desks come back at once.
      this.again = setTimeout(() => this.connect(), pause * (0.7 + Math.random() * 0.6))
    }
  }

  private retry(): void {
    if (!this.stopped && this.online.value) this.closed(0)
  }

  private ended(): void {
    this.stop()
    sessionEnded()
  }

  private drop(): void {
    this.online.value = false
    clearInterval(this.pinging)
    const socket = this.socket
    this.socket = null
    if (socket) {
      socket.onclose = null
      socket.close()
    }
    for (const [id, waiting] of this.asked) {
      clearTimeout(waiting.timer)
      waiting.reject(new ApiError('OFFLINE', texts.errors.offline))
      this.asked.delete(id)
    }
    // The network went away; once it is back, `atOnce` connects. Meanwhile nothing is tried.
  }
}
