import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import { get, post } from '@/api/client'
import { onLiveEvent, onResume } from '@/api/socket'
import type { Complaint, ComplaintKind } from '@/api/types'
import { onSignOut, useSession } from './session'

const OVER = ['closed', 'merged', 'rejected']
/** What is being written, on this phone: a call or a dead battery must not cost it. */
export const WRITING = 'complaint'

export interface Writing {
  kind: ComplaintKind
  matter: string
  place: string
  happened: string
  photos: string[]
  callback: boolean
}

/** My complaints, requests and questions. */
export const useComplaints = defineStore('complaints', () => {
  const session = useSession()
  const list = ref<Complaint[] | null>(null)
  const news = ref(0)
  const running = computed(() => (list.value ?? []).filter(({ state }) => !OVER.includes(state)))
  const over = computed(() => (list.value ?? []).filter(({ state }) => OVER.includes(state)))

  async function load() {
    await session.ensure()
    list.value = (await get('/api/complaints')).complaints
  }
  async function one(id: string): Promise<Complaint> {
    await session.ensure()
    return get('/api/complaints/{complaint_id}', { path: { complaint_id: id } })
  }
  async function file(writing: Writing, key: string): Promise<Complaint> {
    await session.ensure()
    return post('/api/complaints', { body: writing, key })
  }
  const close = (id: string): Promise<Complaint> =>
    post('/api/complaints/{complaint_id}/close', { path: { complaint_id: id } })
  const object = (id: string, reason: string): Promise<Complaint> =>
    post('/api/complaints/{complaint_id}/objection', { path: { complaint_id: id }, body: { reason } })

  async function refresh() {
    news.value += 1
    if (session.token && list.value !== null) await load().catch(() => {})
  }
  onLiveEvent(({ name }) => void (name.startsWith('complaint.') && refresh()))
  onResume(() => void refresh())
  onSignOut(() => (list.value = null))
  return { list, news, running, over, load, one, file, close, object }
})
