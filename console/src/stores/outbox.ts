/** Messages on their way: kept on this machine until the API has numbered them, and sent again under the same name. */
import { ref } from 'vue'

export interface Outgoing {
  client_msg_id: string
  conversation: string
  text: string
  file: string
  card: Record<string, string | number | boolean> | null
  /** Why the API will not take it; empty while it is tried. */
  refused: string
}

const PREFIX = 'banshi.outbox.'

export function openOutbox(staffId: string) {
  const place = PREFIX + staffId
  const waiting = ref<Outgoing[]>(read(place))

  function write(): void {
    if (waiting.value.length) localStorage.setItem(place, JSON.stringify(waiting.value))
    else localStorage.removeItem(place)
  }

  return {
    waiting,
    add(one: Omit<Outgoing, 'client_msg_id' | 'refused'>): Outgoing {
      const made = { ...one, client_msg_id: crypto.randomUUID(), refused: '' }
      waiting.value.push(made)
      write()
      return made
    },
    done(id: string): void {
      waiting.value = waiting.value.filter((one) => one.client_msg_id !== id)
      write()
    },
    refuse(id: string, why: string): void {
      const found = waiting.value.find((one) => one.client_msg_id === id)
      if (found) found.refused = why
      write()
    },
  }
}

export type Outbox = ReturnType<typeof openOutbox>

function read(place: string): Outgoing[] {
  try {
    return JSON.parse(localStorage.getItem(place) ?? '[]') as Outgoing[]
  } catch {
    return []
  }
}
