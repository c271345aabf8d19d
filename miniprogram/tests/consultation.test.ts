import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, test, vi } from 'vitest'
import { ApiError } from '@/api/errors'
import type { Entry } from '@/api/types'
import { useConsultation, type Unsent } from '@/stores/consultation'

/** A city with one conversation: what it was sent, and what it answers when the test lets it. */
const city = vi.hoisted(() => ({ held: [] as Entry[], answers: [] as { text: string; end: (problem?: Error) => void }[] }))
vi.mock('@/api/client', () => ({
  get: async (path: string, { query }: { query?: { after?: number } } = {}) => {
    if (path.endsWith('/current')) return { conversation: { id: 'co_1', read_resident: 0 }, tags: {}, languages: {}, open_now: true }
    if (path.endsWith('/history')) return { entries: [] }
    return { entries: city.held.filter(({ seq }) => seq > (query?.after ?? 0)), more: false }
  },
  post: (_: string, { body }: { body: { client_msg_id: string; text: string } }) =>
    new Promise<void>((resolve, reject) =>
      city.answers.push({
        text: body.text,
        end(problem) {
          if (problem) return reject(problem)
          const seq = city.held.length + 1
          city.held.push({ seq, kind: 'text', text: body.text, client_msg_id: body.client_msg_id, mine: true } as Entry)
          resolve()
        },
      }),
    ),
  onReachable: () => {},
  useRenewal: () => {},
}))
vi.mock('@/api/socket', () => ({ onFrame: () => {}, onResume: () => {}, onLiveEvent: () => {}, tell: () => {}, openLive: () => {}, closeLive: () => {} }))
vi.mock('@/stores/session', () => ({ onSignOut: () => {}, useSession: () => ({ ensure: async () => {} }) }))

const settled = () => new Promise((resolve) => setTimeout(resolve))
beforeEach(() => {
  setActivePinia(createPinia())
  uni.getStorageSync = vi.fn(() => '') as never
  city.held.length = city.answers.length = 0
})

test('what is said while another message is on its way follows it', async () => {
  const talk = useConsultation()
  await talk.open()
  const first = talk.say('我要反映')
  const second = talk.say('路灯坏了')
  expect(city.answers.map(({ text }) => text)).toEqual(['我要反映'])
  city.answers[0].end()
  await settled()
  expect(city.answers.map(({ text }) => text)).toEqual(['我要反映', '路灯坏了'])
  city.answers[1].end()
  await Promise.all([first, second])
  expect(talk.entries.map(({ text }) => text)).toEqual(['我要反映', '路灯坏了'])
  expect(talk.waiting).toEqual([])
})

test('a refused message keeps its reason and holds up nobody', async () => {
  const talk = useConsultation()
  await talk.open()
  const said = [talk.say('第一句'), talk.say('第二句')]
  city.answers[0].end(new ApiError('INVALID_INPUT', '这句发不了', 400))
  await settled()
  city.answers[1].end()
  await Promise.all(said)
  expect(talk.waiting.map(({ text, error }: Unsent) => [text, error])).toEqual([['第一句', '这句发不了']])
})

test('without a network nothing says that it is on its way, and all of it goes later, in its order', async () => {
  const talk = useConsultation()
  await talk.open()
  const said = [talk.say('第一句'), talk.say('第二句')]
  city.answers[0].end(new ApiError('OFFLINE', '网络不通'))
  await Promise.all(said)
  expect(talk.waiting.map(({ error }: Unsent) => error)).toEqual(['网络不通', '网络不通'])
  const again = talk.open()
  for (const nth of [1, 2]) {
    await settled()
    city.answers[nth].end()
  }
  await again
  expect(talk.entries.map(({ text }) => text)).toEqual(['第一句', '第二句'])
  expect(talk.waiting).toEqual([])
})
