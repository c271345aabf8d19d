import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import { bytes, get, post } from '@/api/client'
import { onLiveEvent, onResume } from '@/api/socket'
import type { Case, CaseAnswers, CaseLine, Progress, Receipt } from '@/api/types'
import type { Answers } from '@/utils/form'
import { show } from '@/utils/save'
import { onSignOut, useSession } from './session'

const ASKS_ME = ['incomplete', 'supplementing']
const OVER = ['closed', 'refused', 'withdrawn']

/** My applications, from the draft to the result in hand. */
export const useCases = defineStore('cases', () => {
  const session = useSession()
  const list = ref<CaseLine[] | null>(null)
  /** Counts the news of my cases: a page that shows one reads it again. */
  const news = ref(0)
  const drafts = computed(() => (list.value ?? []).filter(({ state }) => state === 'draft'))
  const running = computed(() => (list.value ?? []).filter(({ state }) => state !== 'draft' && !OVER.includes(state)))
  const over = computed(() => (list.value ?? []).filter(({ state }) => OVER.includes(state)))
  const asking = computed(() => running.value.filter(({ state }) => ASKS_ME.includes(state)))

  async function load() {
    await session.ensure()
    list.value = (await get('/api/cases')).cases
  }
  const at = (id: string) => ({ path: { case_id: id } })
  async function one(id: string): Promise<Case> {
    await session.ensure()
    return get('/api/cases/{case_id}', at(id))
  }
  async function receipt(id: string): Promise<Receipt> {
    await session.ensure()
    return get('/api/cases/{case_id}/receipt', at(id))
  }
  async function answers(id: string): Promise<CaseAnswers> {
    await session.ensure()
    return get('/api/cases/{case_id}/answers', at(id))
  }
  /** `answers`: those that change; null: none does. */
  const supplement = (id: string, materials: Record<string, string[]>, answers: Answers | null, key: string): Promise<Case> =>
    post('/api/cases/{case_id}/supplement', { ...at(id), body: { materials, answers: answers as never }, key })
  const withdraw = (id: string): Promise<Case> =>
    post('/api/cases/{case_id}/withdraw', { ...at(id), body: { reason: '' } })
  const receive = (id: string): Promise<Case> => post('/api/cases/{case_id}/receive', at(id))
  const openResult = async (id: string, name: string) => show(await bytes('/api/cases/{case_id}/result', { case_id: id }), name)
  /** With what stands on the receipt; nobody has to be signed in. */
  const lookUp = (number: string, code: string, lastFour: string): Promise<Progress> =>
    post('/api/progress', { body: { number, query_code: code, id_last_four: lastFour } })

  async function refresh() {
    news.value += 1
    if (session.token && list.value !== null) await load().catch(() => {})
  }
  onLiveEvent(({ name }) => void (name.startsWith('case.') && refresh()))
  onResume(() => void refresh())
  onSignOut(() => (list.value = null))
  return { list, news, drafts, running, over, asking, load, one, receipt, answers, supplement, withdraw, receive, openResult, lookUp }
})
