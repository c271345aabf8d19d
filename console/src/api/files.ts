/** Files of the API, which are no JSON: read as a blob, sent as the one part "file". */
import { texts } from '../texts'
import { ApiError, authorised } from './client'

// 15 MB at a slow office line.
const TIME_LIMIT_MS = 60_000

export async function fetchFile(path: string): Promise<Blob> {
  return (await sent(path, {})).blob()
}

/** The API's answer to a file, for example what an import made of it. */
export async function sendFile<T>(path: string, file: File): Promise<T> {
  const body = new FormData()
  body.append('file', file)
  return (await (await sent(path, { method: 'POST', body })).json()) as T
}

async function sent(path: string, wish: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { ...wish, headers: authorised(), signal: AbortSignal.timeout(TIME_LIMIT_MS), cache: 'no-store' })
  } catch (error) {
    const slow = error instanceof DOMException && error.name === 'TimeoutError'
    throw slow ? new ApiError('TIMEOUT', texts.errors.timeout) : new ApiError('OFFLINE', texts.errors.offline)
  }
  if (response.ok) return response
  const told = ((await response.json().catch(() => null)) as { error?: { code: string; message: string; fields: Record<string, unknown> } } | null)?.error
  throw new ApiError(told?.code ?? 'INTERNAL', told?.message ?? texts.errors.internal, response.status, told?.fields)
}
