/** One piece of work that the user waits for: whether it runs, and what went wrong in words. */
import { ElMessage } from 'element-plus'
import { ref, type Ref } from 'vue'
import { ApiError } from '../api/client'
import { texts } from '../texts'

export interface Task {
  running: Ref<boolean>
  error: Ref<string>
  /** Runs `work` unless it is running already. False when it failed; then `error` says why. */
  run(work: () => Promise<unknown>): Promise<boolean>
}

/** `loud`: a failure is shown as a message too, where the screen has no place for `error`. */
export function useTask(loud = false): Task {
  const running = ref(false)
  const error = ref('')
  return {
    running,
    error,
    async run(work) {
      if (running.value) return false
      running.value = true
      error.value = ''
      try {
        await work()
        return true
      } catch (failure) {
        error.value = inWords(failure)
        if (loud && error.value) ElMessage({ type: 'error', message: error.value, showClose: true, duration: 8000 })
        return false
      } finally {
        running.value = false
      }
    },
  }
}

export function inWords(failure: unknown): string {
  if (!(failure instanceof ApiError)) throw failure
  if (failure.code === 'NOT_AUTHENTICATED') return ''
  const minutes = failure.code === 'ACCOUNT_LOCKED' ? Math.ceil(Number(failure.fields.retry_after) / 60) : 0
  if (minutes) return texts.errors.locked(minutes)
  // The API names the field of a wrong input in its own words; the sentence alone says nothing.
  const reason = failure.code === 'INVALID_INPUT' && typeof failure.fields.reason === 'string' ? failure.fields.reason : ''
  const named = /[\u4e00-\u9fff]/.test(reason) ? `${failure.message}（${reason}）` : failure.message
  return failure.requestId && failure.status >= 500 ? `${named} ${texts.errors.quote(failure.requestId)}` : named
}
