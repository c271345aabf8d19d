import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import { post } from '@/api/client'
import { ApiError, sentence } from '@/api/errors'
import type { Option, Reply, Said } from '@/api/types'
import { zhTalk } from '@/texts/talk'
import { asksConsent } from '@/utils/cards'
import { newKey } from '@/utils/keys'
import { useMessages } from './messages'
import { onSignOut, useSession } from './session'

/** What one turn sends: the same again when its answer was lost. */
interface Sent {
  text: string
  choice: string
  photos: string[]
  conversation: string | null
}
export interface Turn {
  number: number
  /** As it stands on the screen: typed, or a button's words. */
  said: string
  sent: Sent
  key: string
  replies: Reply[] | null
  /** A person should go on. */
  person: boolean
  /** The resident has said no more than that a person should go on. */
  calling?: boolean
  /** Why there is no answer; the turn can be sent again. */
  error: string
}

const KEPT = 'talk'
const MOST = 30
/** The API keeps a dialogue so long; afterwards its buttons mean nothing. */
const LIVE_MS = 30 * 60_000

/** The conversation on the first page: what was said and what came of it. On this phone; the dialogue is at the API. */
export const useTalk = defineStore('talk', () => {
  const session = useSession()
  const messages = useMessages()
  const kept = (uni.getStorageSync(KEPT) || {}) as { turns?: Turn[]; conversation?: string; task?: string; at?: number }
  const turns = ref<Turn[]>(kept.turns ?? [])
  const task = ref(kept.task ?? '')
  const busy = ref(false)
  const at = ref(kept.at ?? 0)
  const now = ref(Date.now())
  const last = computed<Turn | undefined>(() => turns.value[turns.value.length - 1])
  /** The newest answer's buttons can still be used. */
  const live = computed(() => !busy.value && now.value - at.value < LIVE_MS)
  /** Whoever is signed in needs none. */
  let conversation = kept.conversation ?? null
  let count = last.value?.number ?? 0
  let epoch = 0

  function keep() {
    const all = { turns: turns.value, conversation, task: task.value, at: at.value }
    uni.setStorageSync(KEPT, JSON.parse(JSON.stringify(all)))
  }
  const say = (text: string) => turn(text, { text })
  const choose = ({ label, choice }: Option) => turn(label, { choice })
  const show = (words: string, photos: string[]) => turn(words, { photos })

  async function turn(said: string, given: Partial<Sent>) {
    if (busy.value) return
    const sent: Sent = { text: '', choice: '', photos: [], conversation, ...given }
    const one: Turn = { number: (count += 1), said, sent, key: newKey(), replies: null, person: false, error: '' }
    turns.value = [...turns.value, one].slice(-MOST)
    await send(one.number)
  }
  async function send(number: number) {
    const one = turns.value.find((each) => each.number === number)
    if (!one || busy.value) return
    const mine = epoch
    busy.value = true
    one.error = ''
    at.value = Date.now()
    wake()
    keep()
    try {
      const answer = await post('/api/dialogue', { body: one.sent, key: one.key })
      if (mine === epoch) take(one, answer)
    } catch (problem) {
      one.error = sentence(problem)
      // The API has refused it: the next attempt is another one.
      if (!(problem instanceof ApiError && problem.passing)) one.key = newKey()
    } finally {
      busy.value = false
      if (mine === epoch) keep()
    }
  }
  function take(one: Turn, answer: Said) {
    one.replies = answer.replies
    one.person = answer.hand_over !== null
    one.calling = answer.hand_over === 'asked'
    conversation = answer.conversation
    task.value = answer.task ?? ''
    if (answer.replies.some(asksConsent)) void prepare()
  }
  /** What a confirmation, or a waiting list, will ask of the resident: known before the tap, because WeChat opens its dialog only in it. */
  async function prepare() {
    if (!session.token) return
    await Promise.all([session.load(), messages.loadSubscriptions()]).catch(() => {})
  }
  /** Signs in with the resident's consent, and goes on where the dialogue stopped. Raises ApiError. */
  async function signIn(goOn: Option) {
    await session.load()
    if (!session.profile?.consent_version) await session.agree()
    await choose(goOn)
  }
  /** Time goes by while the phone lies there: old buttons end. */
  const wake = () => void (now.value = Date.now())
  function forget() {
    epoch += 1
    turns.value = []
    conversation = null
    task.value = ''
    uni.removeStorageSync(KEPT)
  }
  /** Also at the API: one stop ends the task, another what waits behind it. */
  async function clear() {
    const body = { text: '', choice: 'stop', photos: [], conversation }
    forget()
    busy.value = true
    await Promise.resolve(post('/api/dialogue', { body }))
      .then(() => post('/api/dialogue', { body }))
      .catch(() => {})
    busy.value = false
  }
  /** What a person should know first: what was asked before. */
  const about = () => zhTalk.about(turns.value.filter(({ sent, calling }) => sent.text && !calling).slice(-3).map(({ said }) => said))
  onSignOut(forget)
  return { turns, task, busy, last, live, say, choose, show, send, signIn, prepare, wake, clear, about }
})
