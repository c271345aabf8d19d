/**
 * What somebody is writing survives a reload, a lost session and a closed tab: it is kept in localStorage. What holds
 * personal data of residents is kept in sessionStorage instead, which ends with the tab.
 */
import { onBeforeUnmount, ref, watch, type Ref } from 'vue'

const DELAY_MS = 300
const PREFIX = 'banshi.draft.'

interface Kept<T> {
  /** What it was begun from (a version, for example): lets the screen say that the ground has moved since. */
  base: string
  at: string
  value: T
}

export interface Draft {
  /** When the draft that was found was last written; null when there was none. */
  found: Ref<string | null>
  /** The draft that was found was begun from something else than `base`. */
  moved: Ref<boolean>
  /** Puts what is kept into `value`; false when nothing is kept. */
  restore(base: string): boolean
  /** Begins to keep every change of `value`. */
  keep(base: string): void
  /** Sent or given up: nothing is kept any more until the next change. */
  discard(): void
}

export function useDraft<T>(name: () => string, value: Ref<T>, keeper: Storage = localStorage): Draft {
  const found = ref<string | null>(null)
  const moved = ref(false)
  let base: string | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let settled = ''

  function place(): string {
    return PREFIX + name()
  }

  function write(): void {
    timer = undefined
    if (base === null) return
    const text = JSON.stringify(value.value)
    if (text === settled) keeper.removeItem(place())
    else keeper.setItem(place(), JSON.stringify({ base, at: new Date().toISOString(), value: value.value } satisfies Kept<T>))
  }

  function flush(): void {
    if (timer !== undefined) {
      clearTimeout(timer)
      write()
    }
  }

  watch(
    value,
    () => {
      if (base === null) return
      clearTimeout(timer)
      timer = setTimeout(write, DELAY_MS)
    },
    { deep: true },
  )
  window.addEventListener('pagehide', flush)
  onBeforeUnmount(() => {
    flush()
    window.removeEventListener('pagehide', flush)
  })

  return {
    found,
    moved,
    restore(now) {
      found.value = null
      moved.value = false
      const text = keeper.getItem(place())
      if (text === null) return false
      try {
        const kept = JSON.parse(text) as Kept<T>
        value.value = kept.value
        found.value = kept.at
        moved.value = kept.base !== now
        return true
      } catch {
        keeper.removeItem(place())
        return false
      }
    },
    keep(now) {
      base = now
      if (found.value === null) settled = JSON.stringify(value.value)
    },
    discard() {
      clearTimeout(timer)
      timer = undefined
      found.value = null
      moved.value = false
      settled = JSON.stringify(value.value)
      keeper.removeItem(place())
    },
  }
}
