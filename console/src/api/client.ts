/**
 * The only place that sends requests: token, idempotency key, time limit, one retry, typed errors.
 *
 * Paths, bodies and answers are typed by the API's own description (made when the console is built), so a screen that asks for what the
 * API no longer answers does not compile.
 */
import { ref } from 'vue'
import { texts } from '../texts'
import type { components, paths } from './schema'

export type Schemas = components['schemas']
type Method = 'get' | 'post' | 'put' | 'delete'
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>
type Json<R> = R extends { content: { 'application/json': infer C } } ? C : never
type Answer<O> = O extends { responses: infer R } ? { [K in keyof R]: K extends 200 | 201 ? Json<R[K]> : never }[keyof R] : never
type Body<O> = O extends { requestBody: { content: { 'application/json': infer B } } } ? B : undefined
type Query<O> = O extends { parameters: { query?: infer Q } } ? Partial<Q> : never

export interface Given<O> {
  path?: Record<string, string>
  query?: Query<O>
  body?: Body<O>
  /** Names this wish of the user, so that a repeat is not done twice. Made here when none is given. */
  key?: string
  /** Never sent again by itself: a one-time password is used up by the first try. */
  once?: boolean
  /** Asked by the screen, not by whoever sits at it: does not keep the session from its idle limit. */
  background?: boolean
}

/** What the API refused, or why it could not be reached (`OFFLINE`, `TIMEOUT`). `message` is for people. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 0,
    readonly fields: Record<string, unknown> = {},
    readonly requestId = '',
  ) {
    super(message)
  }
}

const TIME_LIMIT_MS = 15_000
const RETRY_AFTER_MS = 400
const MOMENT_MS = 250
const session = { token: '', ended: () => {} }

/** Requests under way for longer than a moment: the layout shows a bar. */
export const waiting = ref(0)

export function useToken(token: string): void {
  session.token = token
}

/** For what is not sent through `call`: sockets, files. */
export function tokenNow(): string {
  return session.token
}

/** Ends the session on this screen. */
export function sessionEnded(): void {
  session.ended()
}

/** What to do when the API says that the session is over. */
export function onSessionEnd(act: () => void): void {
  session.ended = act
}

export async function call<P extends keyof paths & string, M extends Method>(
  method: M,
  path: P,
  given: Given<Operation<P, M>> = {},
): Promise<Answer<Operation<P, M>>> {
  const address = fill(path, given.path) + queryOf(given.query as Record<string, unknown> | undefined)
  const headers: Record<string, string> = {}
  if (session.token && path.startsWith('/staff')) headers.Authorization = `Bearer ${session.token}`
  if (method !== 'get') headers['Idempotency-Key'] = given.key ?? newKey()
  if (given.background) headers['X-Background'] = '1'
  if (given.body !== undefined) headers['Content-Type'] = 'application/json'
  const wish: RequestInit = { method: method.toUpperCase(), headers, cache: 'no-store' }
  if (given.body !== undefined) wish.body = JSON.stringify(given.body)
  let shown = false
  const slow = setTimeout(() => {
    shown = true
    waiting.value += 1
  }, MOMENT_MS)
  try {
    return (await sent(address, wish, !given.once)) as Answer<Operation<P, M>>
  } finally {
    clearTimeout(slow)
    if (shown) waiting.value -= 1
  }
}

export function newKey(): string {
  return crypto.randomUUID()
}

async function sent(address: string, wish: RequestInit, again: boolean): Promise<unknown> {
  try {
    return await attempt(address, wish)
  } catch (error) {
    // The key makes a repeat harmless: whatever the first try did is answered again, not done again.
    const passing = error instanceof ApiError && ['OFFLINE', 'TIMEOUT', 'UNAVAILABLE'].includes(error.code)
    if (!again || !passing || !navigator.onLine) throw error
    await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS))
    return attempt(address, wish)
  }
}

async function attempt(address: string, wish: RequestInit): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(address, { ...wish, signal: AbortSignal.timeout(TIME_LIMIT_MS) })
  } catch (error) {
    const slow = error instanceof DOMException && error.name === 'TimeoutError'
    throw slow ? new ApiError('TIMEOUT', texts.errors.timeout) : new ApiError('OFFLINE', texts.errors.offline)
  }
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok) return answer
  const told = (answer as { error?: { code: string; message: string; fields: Record<string, unknown>; request_id: string } } | null)?.error
  if (!told) throw new ApiError('INTERNAL', texts.errors.internal, response.status)
  if (told.code === 'NOT_AUTHENTICATED') session.ended()
  throw new ApiError(told.code, told.message, response.status, told.fields, told.request_id)
}

function fill(path: string, names: Record<string, string> = {}): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? ''))
}

function queryOf(query: Record<string, unknown> = {}): string {
  const parts = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return parts.length ? `?${new URLSearchParams(parts.map(([name, value]) => [name, String(value)]))}` : ''
}
