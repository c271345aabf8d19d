/** Files to and from the API: an image to send, the image of an entry. */
import { ApiError, newKey, tokenNow } from './client'
import { texts } from '../texts'

const TIME_LIMIT_MS = 60_000

interface Told { error?: { code: string; message: string; fields: Record<string, unknown>; request_id: string } }

async function fetched(address: string, wish: RequestInit): Promise<Response> {
  const headers = { ...(wish.headers as Record<string, string>), Authorization: `Bearer ${tokenNow()}` }
  let response: Response
  try {
    response = await fetch(address, { ...wish, headers, cache: 'no-store', signal: AbortSignal.timeout(TIME_LIMIT_MS) })
  } catch {
    throw new ApiError('OFFLINE', texts.errors.offline)
  }
  if (response.ok) return response
  const told = ((await response.json().catch(() => null)) as Told | null)?.error
  throw told ? new ApiError(told.code, told.message, response.status, told.fields, told.request_id) : new ApiError('INTERNAL', texts.errors.internal, response.status)
}

/** The id of the image that is kept; the same image again is the same file. */
export async function uploadImage(file: File): Promise<string> {
  const form = new FormData()
  form.append('file', file, file.name)
  const response = await fetched('/staff/files', { method: 'POST', body: form, headers: { 'Idempotency-Key': newKey() } })
  return ((await response.json()) as { id: string }).id
}

/** An address for <img>; whoever asked gives it back with URL.revokeObjectURL. */
export async function entryImage(conversation: string, seq: number): Promise<string> {
  const response = await fetched(`/staff/conversations/${encodeURIComponent(conversation)}/images/${seq}`, {})
  return URL.createObjectURL(await response.blob())
}
