import { ref } from 'vue'
import { sentence } from '@/api/errors'

/** The state of one piece of work: `run` keeps what it says when it fails, and takes no second start meanwhile. */
export function useWork() {
  const busy = ref(false)
  const error = ref('')
  async function run(work: () => Promise<void>): Promise<boolean> {
    if (busy.value) return false
    busy.value = true
    error.value = ''
    try {
      await work()
      return true
    } catch (problem) {
      error.value = sentence(problem)
      return false
    } finally {
      busy.value = false
    }
  }
  return { busy, error, run }
}
