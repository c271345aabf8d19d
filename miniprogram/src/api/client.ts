import type { paths } from './schema'
import { BACK_OFF, TIMEOUT, apiAddress } from './config'
import { ApiError, fromAnswer, fromFailure } from './errors'
import { newKey } from '@/utils/keys'
import { wait } from '@/utils/wait'

/**
 * The one request layer. Every call is typed by the API's own description; a failed network or a busy server is tried
 * again with the same Idempotency-Key; an ended session is renewed once. Everything else comes out as an ApiError.
 */
export type Method = 'get' | 'post' | 'put' | 'delete'
export type Path<M extends Method> = { [P in keyof paths]: [paths[P][M]] extends [undefined] ? never : P }[keyof paths]
type Operation<P extends keyof paths, M extends Method> = NonNullable<paths[P][M]>
type Json<R, S extends number> = R extends { [K in S]: { content: { 'application/json': infer B } } } ? B : never
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? Json<R, 200> | Json<R, 201> : never
type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody: { content: { 'application/json': infer B } } } ? B : undefined
type Query<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { query?: infer Q } } ? Q : undefined

export interface Options<P extends keyof paths, M extends Method> {
  /** Values for the {names} of the path. */
  path?: Record<string, string>
  query?: Query<P, M>
  body?: Body<P, M>
  /** Of a write; one that a caller keeps for its own repetitions. */
  key?: string
  /** False where a second attempt with the same content must not be (a login code works once). */
  repeat?: boolean
}

interface Renewal {
  token: () => string
  /** Signs in again; false when that is not possible here. */
  renew: () => Promise<boolean>
}
let session: Renewal = { token: () => '', renew: async () => false }
/** The session's store tells how to find the token and how to renew it; the client knows no store. */
export const useRenewal = (renewal: Renewal) => void (session = renewal)

type Listener = (online: boolean) => void
const listeners: Listener[] = []
/** Told after every exchange whether somebody answered. */
export const onReachable = (listener: Listener) => void listeners.push(listener)

export const get = <P extends Path<'get'>>(path: P, options: Options<P, 'get'> = {}) => call('get', path, options)
export const post = <P extends Path<'post'>>(path: P, options: Options<P, 'post'> = {}) => call('post', path, options)
export const put = <P extends Path<'put'>>(path: P, options: Options<P, 'put'> = {}) => call('put', path, options)
export const remove = <P extends Path<'delete'>>(path: P, options: Options<P, 'delete'> = {}) =>
  call('delete', path, options)

async function call<M extends Method, P extends Path<M>>(
  method: M,
  path: P,
  options: Options<P, M>,
): Promise<Answer<P, M>> {
  const url = address(path as string, options.path, options.query as Record<string, unknown> | undefined)
  const key = method === 'get' ? '' : options.key ?? newKey()
  const attempt = () => exchange(method, url, options.body, key)
  return (await persistently(attempt, options.repeat !== false, options.repeat !== false)) as Answer<P, M>
}

/** A file that needs the session. */
export async function bytes(path: Path<'get'>, names: Record<string, string>): Promise<ArrayBuffer> {
  const attempt = () => exchange('get', address(path, names), undefined, '', 'arraybuffer')
  return (await persistently(attempt, true, true)) as ArrayBuffer
}
/** A picture that needs the session, as a data address that <image> can show. */
export const picture = async (path: Path<'get'>, names: Record<string, string>): Promise<string> =>
  `data:image/png;base64,${uni.arrayBufferToBase64(await bytes(path, names))}`

export const bearer = (): Record<string, string> => {
  const token = session.token()
  return token ? { Authorization: `Bearer ${token}` } : {}
}

/** Makes an attempt until it succeeds, is refused, or the waits of BACK_OFF are used up. */
export async function persistently(attempt: () => Promise<unknown>, repeat: boolean, renew: boolean): Promise<unknown> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (error.code === 'NOT_AUTHENTICATED' && renew && (await session.renew())) {
        renew = false
        continue
      }
      if (!repeat || !error.passing || tried >= BACK_OFF.length) throw error
      await wait(BACK_OFF[tried])
    }
  }
}

function address(path: string, names: Record<string, string> = {}, query: Record<string, unknown> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? ''))
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const text = pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')
  return `${apiAddress}${filled}${text ? `?${text}` : ''}`
}

function exchange(method: Method, url: string, body: unknown, key: string, kind: 'text' | 'arraybuffer' = 'text') {
  const header: Record<string, string> = { 'Content-Type': 'application/json', ...bearer() }
  if (key) header['Idempotency-Key'] = key
  return new Promise<unknown>((resolve, reject) => {
    uni.request({
      url,
      method: method.toUpperCase() as 'GET' | 'POST' | 'PUT' | 'DELETE',
      header,
      // A write without a body sends none: "{}" would be another type.
      data: body === undefined ? undefined : (JSON.stringify(body) as string),
      timeout: TIMEOUT,
      responseType: kind,
      success: ({ statusCode, data }) => {
        listeners.forEach((listener) => listener(true))
        if (statusCode >= 200 && statusCode < 300) resolve(data)
        else reject(fromAnswer(statusCode, parsed(data)))
      },
      fail: ({ errMsg }) => {
        const error = fromFailure(errMsg)
        if (error.code === 'OFFLINE') listeners.forEach((listener) => listener(false))
        reject(error)
      },
    })
  })
}

/** A refusal where a picture was asked is still JSON. */
function parsed(data: unknown): unknown {
  if (!(data instanceof ArrayBuffer)) return data
  try {
    return JSON.parse(String.fromCharCode(...new Uint8Array(data)))
  } catch {
    return null
  }
}
