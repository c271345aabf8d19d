/** Names for staff ids: read once for the tab, again when an id is met that was not there. */
import { ref } from 'vue'
import { call, type Schemas } from '../api/client'
import { useSession } from '../stores/session'
import { texts } from '../texts'

const known = ref<Schemas['Colleague'][]>([])
let reading: Promise<void> | null = null

export function useColleagues() {
  const session = useSession()

  function load(): Promise<void> {
    reading ??= call('get', '/staff/colleagues')
      .then((found) => void (known.value = found.colleagues))
      // Ids are shown instead, and the next screen tries again.
      .catch(() => undefined)
      .finally(() => (reading = null))
    return reading
  }

  function nameOf(id: string): string {
    if (!id) return texts.cases.nobody
    if (id === session.me?.staff_id) return texts.cases.me
    return known.value.find((one) => one.staff_id === id)?.name ?? id
  }

  return { colleagues: known, load, nameOf }
}
