/**
 * Keyboard shortcuts of the screen that is open, listed in one dialog.
 *
 * All carry Alt, but for `?`, which can be turned off in that dialog (WCAG 2.1, 2.1.4: single-key shortcuts).
 */
import { onBeforeUnmount, reactive, ref } from 'vue'

export interface Shortcut {
  /** "Alt+S", or "?" */
  keys: string
  text: string
  act: () => void
}

const active = reactive<Shortcut[]>([])
const KEPT = 'banshi.single-key'
export const singleKeys = ref(localStorage.getItem(KEPT) !== 'off')

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on
  localStorage.setItem(KEPT, on ? 'on' : 'off')
}

export function shortcuts(): readonly Shortcut[] {
  return active
}

export function useShortcuts(list: Shortcut[]): void {
  active.push(...list)
  onBeforeUnmount(() => {
    for (const one of list) {
      const place = active.findIndex((other) => other.keys === one.keys && other.text === one.text)
      if (place >= 0) active.splice(place, 1)
    }
  })
}

/** Once, in the layout. */
export function listen(): void {
  const onKey = (event: KeyboardEvent): void => {
    const typing = event.target instanceof HTMLElement && event.target.closest('input, textarea, [contenteditable]')
    const pressed = event.altKey ? `Alt+${event.code.replace(/^(Key|Digit)/, '')}` : event.key
    if (!event.altKey && (typing || !singleKeys.value)) return
    if (event.ctrlKey || event.metaKey) return
    const found = active.find((one) => one.keys === pressed)
    if (!found) return
    event.preventDefault()
    found.act()
  }
  window.addEventListener('keydown', onKey)
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey))
}
