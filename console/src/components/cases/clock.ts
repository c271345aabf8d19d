/** A time limit in words and in one of four tones; colour is never all that tells them apart (WCAG 2.1, 1.4.1). */
import type { Schemas } from '../../api/client'
import { texts } from '../../texts'

export type Clock = Schemas['handlers.case_views.ClockView']
export type Tone = 'green' | 'yellow' | 'red' | 'still'

export function toneOf(clock: Clock): Tone {
  return clock.paused || clock.stopped ? 'still' : (clock.colour as Tone)
}

export function wordsOf(clock: Clock): string {
  const words = texts.cases.clockWords
  if (clock.stopped) return words.stopped(clock.used)
  if (clock.paused) return words.paused(clock.left)
  if (clock.colour === 'red') return words.over(-clock.left)
  if (clock.left === 0) return words.today
  return clock.colour === 'yellow' ? words.soon(clock.left) : words.left(clock.left)
}
