import { zh } from '@/texts/zh'

/** What went wrong with a request: `code` is the API's own (docs/errors.md), or OFFLINE, SLOW, BROKEN of this side. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 0,
    readonly fields: Record<string, unknown> = {},
    readonly requestId = '',
  ) {
    super(message)
    this.name = 'ApiError'
  }

  /** Nobody answered, or asked us to come again: the same request may be sent once more. */
  get passing(): boolean {
    return ['OFFLINE', 'SLOW', 'UNAVAILABLE', 'REQUEST_IN_PROGRESS'].includes(this.code)
  }
}

/** The sentence for the screen. */
export function sentence(error: unknown): string {
  return error instanceof ApiError ? error.message : zh.errors.unexpected
}

interface Answered {
  error?: { code?: string; message?: string; fields?: Record<string, unknown>; request_id?: string }
}

export function fromAnswer(status: number, body: unknown): ApiError {
  const error = (body as Answered | null)?.error
  if (!error?.code) return new ApiError(status === 503 ? 'UNAVAILABLE' : 'BROKEN', zh.errors.unexpected, status)
  return new ApiError(error.code, error.message ?? zh.errors.unexpected, status, error.fields ?? {}, error.request_id)
}

export function fromFailure(reason: string): ApiError {
  return /timeout/i.test(reason) ? new ApiError('SLOW', zh.errors.slow) : new ApiError('OFFLINE', zh.errors.offline)
}
