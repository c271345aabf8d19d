import { beforeEach, expect, test, vi } from 'vitest'
import { get, onReachable, post, useRenewal } from '@/api/client'
import { ApiError } from '@/api/errors'
import { item } from './answers'

vi.mock('@/utils/wait', () => ({ wait: () => Promise.resolve() }))
vi.mock('@/api/address', () => ({ address: () => 'http://127.0.0.1:8888' }))

interface Sent {
  url: string
  method: string
  header: Record<string, string>
  data?: string
  success: (answer: { statusCode: number; data: unknown }) => void
  fail: (failure: { errMsg: string }) => void
}
type Step = { status: number; body?: unknown } | 'away'
const sent: Sent[] = []

function play(...steps: Step[]) {
  sent.length = 0
  uni.request = vi.fn((request: Sent) => {
    const step = steps[sent.length] ?? 'away'
    sent.push(request)
    if (step === 'away') request.fail({ errMsg: 'request:fail' })
    else request.success({ statusCode: step.status, data: step.body })
  }) as never
}
const refused = (code: string) => ({ error: { code, message: '不行', fields: { field: '$.start' }, request_id: 'r1' } })
const body = { item: '1', centre: 'WH-CITY', start: '2026-11-25T09:00:00+08:00' }
beforeEach(() => useRenewal({ token: () => 'token', renew: async () => false }))

test('a write that got no answer is repeated with the same key', async () => {
  play('away', { status: 503, body: refused('UNAVAILABLE') }, { status: 201, body: { id: 'bk_1' } })
  expect(await post('/api/bookings', { body })).toEqual({ id: 'bk_1' })
  expect(sent).toHaveLength(3)
  expect(new Set(sent.map(({ header }) => header['Idempotency-Key'])).size).toBe(1)
  expect(sent[0].header['Idempotency-Key']).toMatch(/^[!-~]{8,64}$/)
})

test('two writes have two keys', async () => {
  play({ status: 201, body: {} }, { status: 201, body: {} })
  await post('/api/bookings', { body })
  await post('/api/bookings', { body })
  expect(sent[0].header['Idempotency-Key']).not.toBe(sent[1].header['Idempotency-Key'])
})

test('a refusal is not repeated and keeps code, sentence and fields', async () => {
  play({ status: 409, body: refused('SLOT_FULL') })
  const error = await post('/api/bookings', { body }).catch((problem: unknown) => problem)
  expect(error).toBeInstanceOf(ApiError)
  expect(error).toMatchObject({ code: 'SLOT_FULL', message: '不行', fields: { field: '$.start' }, requestId: 'r1' })
  expect(sent).toHaveLength(1)
})

test('a network that stays away ends in OFFLINE, and listeners are told', async () => {
  const told: boolean[] = []
  onReachable((online) => told.push(online))
  play()
  await expect(get('/api/directory')).rejects.toMatchObject({ code: 'OFFLINE' })
  expect(sent).toHaveLength(3)
  expect(told).toEqual([false, false, false])
})

test('an ended session is renewed once, and the same request goes out again', async () => {
  let token = 'old'
  useRenewal({ token: () => token, renew: async () => Boolean((token = 'new')) })
  play({ status: 401, body: refused('NOT_AUTHENTICATED') }, { status: 201, body: { id: 'bk_1' } })
  await post('/api/bookings', { body })
  expect(sent.map(({ header }) => header.Authorization)).toEqual(['Bearer old', 'Bearer new'])
  expect(sent[0].header['Idempotency-Key']).toBe(sent[1].header['Idempotency-Key'])
})

test('a second 401 is told and not renewed for ever', async () => {
  useRenewal({ token: () => 'x', renew: async () => true })
  play({ status: 401, body: refused('NOT_AUTHENTICATED') }, { status: 401, body: refused('NOT_AUTHENTICATED') })
  await expect(get('/api/me')).rejects.toMatchObject({ code: 'NOT_AUTHENTICATED' })
  expect(sent).toHaveLength(2)
})

test('a login code is sent once only', async () => {
  play('away')
  await expect(post('/api/session', { body: { code: 'c' }, repeat: false })).rejects.toMatchObject({ code: 'OFFLINE' })
  expect(sent).toHaveLength(1)
})

test('names of the path and the query are encoded, what is empty is left out', async () => {
  play({ status: 200, body: item })
  await get('/api/items/{code}', { path: { code: 'a/b' } })
  expect(sent[0].url).toBe('http://127.0.0.1:8888/api/items/a%2Fb')
})
