/** Words about conversations that several parts of the inbox say. */
import type { Desk } from '../../stores/inbox'
import { texts } from '../../texts'

const t = texts.inbox

/** What a conversation is about, in a few words. */
export function subjectOf(one: Desk): string {
  const known = [t.topics[one.topic] ?? one.topic, one.department].filter(Boolean)
  return known.join(' · ') || (t.reasons[one.reason] ?? t.states[one.state] ?? '')
}

/** The clock that runs and is nearest to its limit; undefined where none runs. */
export function clockOf(one: Desk): Desk['clocks'][number] | undefined {
  const running = one.clocks.filter((clock) => clock.running)
  return running.sort((a, b) => b.used / b.limit - a.used / a.limit)[0]
}

/** Why nobody may write here now; empty where this person may. */
export function readOnlyReason(one: Desk, writes: boolean): string {
  if (writes) return ''
  return t.readOnly[one.state] ?? t.readOnly.other ?? ''
}
