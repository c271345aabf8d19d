/** Files to and from the API, which are no JSON: read as a blob, sent as the one part "file". */
import { ApiError, newKey, tokenNow } from './client'
import { texts } from '../texts'

const TIME_LIMIT_MS = 60_000

interface Told { error?: { code: string; message: string; fields: Record<string, unknown>; request_id: string } }

async function fetched(address: string, wish: RequestInit): Promise<Response> {
  const headers = { ...(wish.headers as Record<string, string>), Authorization: `Bearer ${tokenNow()}` }
  let response: Response
  try {
    response = await fetch(address, { ...wish, headers, cache: 'no-store', signal: AbortSignal.timeout(TIME_LIMIT_MS) })
  } catch (error) {
    const slow = error instanceof DOMException && error.name === 'TimeoutError'
    throw slow ? new ApiError('TIMEOUT', texts.errors.timeout) : new ApiError('OFFLINE', texts.errors.offline)
  }
  if (response.ok) return response
  const told = ((await response.json().catch(() => null)) as Told | null)?.error
  throw told ? new ApiError(told.code, told.message, response.status, told.fields, told.request_id) : new ApiError('INTERNAL', texts.errors.internal, response.status)
}

/** The API's answer to a file, for example what an import made of it. */
export async function sendFile<T>(path: string, file: File): Promise<T> {
  const form = new FormData()
  form.append('file', file, file.name)
  const response = await fetched(path, { method: 'POST', body: form, headers: { 'Idempotency-Key': newKey() } })
  return (await response.json()) as T
}

/** `background`: the screen asks by itself (client.ts). */
export async function fetchFile(path: string, background = false): Promise<Blob> {
  return (await fetched(path, background ? { headers: { 'X-Background': '1' } } : {})).blob()
}

/** The id of the image that is kept; the same image again is the same file. */
export async function uploadImage(file: File): Promise<string> {
  return (await sendFile<{ id: string }>('/staff/files', file)).id
}

/** An address for <img>; whoever asked gives it back with URL.revokeObjectURL. */
export async function entryImage(conversation: string, seq: number): Promise<string> {
  return URL.createObjectURL(await fetchFile(`/staff/conversations/${encodeURIComponent(conversation)}/images/${seq}`, true))
}
