import { onBeforeUnmount, ref, type Ref } from 'vue'

/** Whether the machine has a network at all; whether the API answers is told by each request. */
export function useOnline(): Ref<boolean> {
  const online = ref(navigator.onLine)
  const look = (): void => {
    online.value = navigator.onLine
  }
  window.addEventListener('online', look)
  window.addEventListener('offline', look)
  onBeforeUnmount(() => {
    window.removeEventListener('online', look)
    window.removeEventListener('offline', look)
  })
  return online
}
