import { ref } from 'vue'
import { defineStore } from 'pinia'
import { post } from '@/api/client'
import { sentence } from '@/api/errors'
import type { AskAnswer } from '@/api/types'

export interface Turn {
  number: number
  text: string
  answer: AskAnswer | null
  /** Why there is no answer; the question can be sent again. */
  error: string
}
const MOST = 5

/** The conversation on the first page: what was asked and what came of it, newest first. */
export const useAsk = defineStore('ask', () => {
  const turns = ref<Turn[]>([])
  const asking = ref(false)
  let count = 0

  async function ask(text: string) {
    const turn: Turn = { number: (count += 1), text, answer: null, error: '' }
    turns.value = [turn, ...turns.value].slice(0, MOST)
    await send(turn.number)
  }
  async function send(number: number) {
    const turn = turns.value.find((one) => one.number === number)
    if (!turn) return
    turn.error = ''
    asking.value = true
    try {
      turn.answer = await post('/api/ask', { body: { text: turn.text } })
    } catch (error) {
      turn.error = sentence(error)
    } finally {
      asking.value = false
    }
  }
  const clear = () => (turns.value = [])
  return { turns, asking, ask, send, clear }
})
