// @vitest-environment jsdom
// Runs the EMITTED WeChat build (dist/build/mp-weixin) in WeChat's own component engine, compiled by WeChat's compiler.
import { createRequire } from 'node:module'
import path from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { bill, calendar, caseInHand, centre, conversation, entries, held, item, offers, paidOrder, subscription } from './answers'
import { answered, booked, confirming } from './answers.talk'

const require = createRequire(import.meta.url)
const root = path.resolve(import.meta.dirname, '../dist/build/mp-weixin')

interface Asked {
  url: string
  method: string
  header: Record<string, string>
  data?: string
  success: (answer: { statusCode: number; data: unknown; header: object }) => void
  complete?: (answer: unknown) => void
}
interface Node {
  dom: HTMLElement
  querySelector: (selector: string) => Node | undefined
  querySelectorAll: (selector: string) => Node[]
  dispatchEvent: (name: string, options?: object) => void
}
interface Shown extends Node {
  attach: (to: Element) => void
  instance: Record<string, (argument?: unknown) => unknown>
}
let app: Record<string, (options: object) => void>
let simulate: { load: (file: string, tag: string, options: object) => string; render: (id: string) => Shown }
const asked: Asked[] = []
const wx = () => (globalThis as unknown as { wx: Record<string, ReturnType<typeof vi.fn>> }).wx

const ANSWERS: [RegExp, unknown][] = [
  [/POST .*\/api\/session$/, { token: 't', level: 0, expires_at: '2026-12-24T09:00:00+08:00' }],
  [/GET .*\/centres/, { centres: [centre] }],
  [/GET .*\/api\/items\/\w+$/, item],
  [/GET .*\/api\/calendar/, calendar],
  [/GET .*\/api\/subscriptions/, { subscriptions: [subscription, offers] }],
  [/GET .*\/api\/messages/, { unread: 0, messages: [], next: null }],
  [/GET .*\/api\/me$/, { person_id: 'p', level: 0, name: null, id_number: null, phone: null, consent_version: '2026-11' }],
  [/GET .*\/api\/bookings$/, { bookings: [{ ...held, state: 'confirmed', state_text: '预约成功' }] }],
  [/POST .*\/api\/bookings$/, held],
  [/GET .*\/api\/bookings\/bk_1$/, held],
  [/POST .*\/bk_1\/confirm$/, { ...held, state: 'confirmed' }],
]

const pay = { timeStamp: '1', nonceStr: 'n', package: 'prepay_id=wx1', signType: 'RSA', paySign: 's' }
let paid = false
ANSWERS.push(
  [/GET .*\/api\/cases\/ca_1$/, caseInHand],
  [/GET .*\/api\/bills$/, { bills: [bill] }],
  [/POST .*\/bi_1\/pay$/, { order: 'or_1', amount_fen: 4000, expires_at: '2026-11-23T11:00:00+08:00', pay }],
  [/\/api\/orders\/or_1/, paidOrder],
)

ANSWERS.push(
  [/GET .*\/api\/conversations\/current$/, { conversation, open_now: true, hours: conversation.hours, tags: {}, languages: {} }],
  [/GET .*\/cv_1\/history/, { entries }],
  [/GET .*\/cv_1\/events/, { conversation, entries: [], last: 3, more: false }],
  [/POST .*\/cv_1\/messages$/, { seq: 4, client_msg_id: 'k2' }],
  [/GET .*\/api\/conversations\/cv_1$/, conversation],
)

const pause = (milliseconds = 120) => new Promise((resolve) => setTimeout(resolve, milliseconds))

beforeAll(() => {
  const scope = globalThis as unknown as Record<string, unknown>
  scope.App = (options: typeof app) => void (app = options)
  scope.Page = (options: unknown) => options
  scope.getApp = () => app
  scope.getCurrentPages = () => []
  simulate = require('miniprogram-simulate')
  const stored: Record<string, unknown> = {}
  const base = { SDKVersion: '3.5.0', language: 'zh_CN', theme: 'light', fontSizeScaleFactor: 1 }
  Object.assign(wx(), {
    getAppBaseInfo: () => base,
    getWindowInfo: () => ({ windowWidth: 390, windowHeight: 844 }),
    getDeviceInfo: () => ({ platform: 'devtools', brand: 'x', model: 'iPhone', system: 'iOS 18' }),
    getSystemInfoSync: () => ({ platform: 'devtools', windowWidth: 390, ...base }),
    getSystemSetting: () => ({}),
    getAppAuthorizeSetting: () => ({}),
    canIUse: () => true,
    getLaunchOptionsSync: () => ({ path: '', query: {} }),
    getStorageSync: (name: string) => stored[name] ?? '',
    setStorageSync: (name: string, value: unknown) => void (stored[name] = value),
    removeStorageSync: (name: string) => void delete stored[name],
    onThemeChange: vi.fn(),
    onNetworkStatusChange: vi.fn(),
    setNavigationBarColor: vi.fn(),
    setNavigationBarTitle: vi.fn(),
    navigateTo: vi.fn(),
    redirectTo: vi.fn(),
    login: ({ success }: { success: (answer: object) => void }) => success({ code: 'wx-code' }),
    requestSubscribeMessage: vi.fn(({ success }: { success: (answer: object) => void }) =>
      success({ errMsg: 'ok', 'WH-booking-confirmed': 'accept' }),
    ),
    requestPayment: vi.fn(({ success }: { success: () => void }) => success()),
    connectSocket: vi.fn(() => ({
      send: vi.fn(), close: vi.fn(), onOpen: vi.fn(), onMessage: vi.fn(), onClose: vi.fn(), onError: vi.fn(),
    })),
    request: vi.fn((request: Asked) => {
      asked.push(request)
      if (/POST .*check$/.test(`${request.method} ${request.url}`)) paid = true
      const now = { ...bill, ...(paid ? { state: 'paid', state_text: '已缴费', payable: false, order: 'or_1' } : {}) }
      if (request.url.endsWith('/api/bills/bi_1')) return void setTimeout(() => request.success({ statusCode: 200, data: now, header: {} }), 1)
      if (request.url.endsWith('/api/dialogue')) {
        const { choice } = JSON.parse(request.data ?? '') as { choice: string }
        const data = choice.startsWith('yes') ? booked : choice ? confirming : answered
        return void setTimeout(() => request.success({ statusCode: 200, data, header: {} }), 1)
      }
      const found = ANSWERS.find(([pattern]) => pattern.test(`${request.method} ${request.url}`))
      const answer = found
        ? { statusCode: 200, data: found[1], header: {} }
        : { statusCode: 404, data: { error: { code: 'NOT_FOUND', message: request.url } }, header: {} }
      setTimeout(() => {
        request.success(answer)
        request.complete?.(answer)
      }, 1)
    }),
  })
  require(path.join(root, 'app.js'))
  app.onLaunch({ path: '', query: {} })
})

async function open(page: string, query: Record<string, string> = {}): Promise<Shown> {
  const options = { rootPath: root, compiler: 'official' }
  const shown = simulate.render(simulate.load(path.join(root, page), 'page', options))
  shown.attach(document.createElement('div'))
  shown.instance.onLoad?.(query)
  shown.instance.onShow?.()
  await pause()
  return shown
}

/** A finger on the screen: WeChat's engine makes the tap out of it. */
async function tap(shown: Node, testid: string) {
  const element = find(shown, testid)
  for (const [name, touches] of [['touchstart', [{ pageX: 1, pageY: 1 }]], ['touchend', []]] as const) {
    const event = new Event(name, { bubbles: true, cancelable: true })
    element.dispatchEvent(Object.assign(event, { touches, changedTouches: [{ pageX: 1, pageY: 1 }] }))
  }
  await pause()
}

function find(shown: Node, testid: string): HTMLElement {
  const found = shown.dom.querySelector<HTMLElement>(`[data-testid="${testid}"]`)
  if (!found) throw new Error(`${testid} is not on the page: ${shown.dom.innerHTML.slice(0, 3000)}`)
  return found
}

test('home answers in place, and says what is next', async () => {
  const home = await open('pages/home/home')
  expect(home.dom.textContent).toContain('您想办什么事？')
  expect(home.dom.textContent).toContain('居民身份证丢失补领 · 威海市政务服务中心')
  expect(home.dom.textContent).toContain('示例数据')
})

test('an example is asked with a tap and answered in place', async () => {
  const home = await open('pages/home/home')
  await tap(home, 'example-0')
  expect(home.dom.textContent).toContain('居民身份证丢失补领由市公安局办理')
  expect(home.dom.textContent).toContain('按您说的“身份证丢了”找到')
  await tap(home, 'answer-guide')
  expect(wx().navigateTo.mock.calls.at(-1)?.[0].url).toBe(`/pages/item/guide?item=${item.content.code}`)
})

test('a booking is made in the conversation, with the consent to reminders in the same tap', async () => {
  const home = await open('pages/home/home')
  await tap(home, 'option-book')
  expect(home.dom.textContent).toContain('11月25日（周三）14:00')
  expect(home.dom.textContent).toContain('居民户口簿')
  await tap(home, 'option-wait')
  expect(wx().requestSubscribeMessage.mock.calls.at(-1)?.[0].tmplIds).toEqual(['WH-place-offered'])
  await tap(home, 'option-yes')
  expect(wx().requestSubscribeMessage.mock.calls.at(-1)?.[0].tmplIds).toEqual(['WH-booking-confirmed'])
  const sent = asked.filter(({ url }) => url.endsWith('/api/dialogue')).at(-1)
  expect(JSON.parse(sent?.data ?? '')).toMatchObject({ text: '', choice: 'yes:2026-11-25T14:00:00+08:00' })
  expect(sent?.header['Idempotency-Key']).toMatch(/^[!-~]{8,64}$/)
  await tap(home, 'open-booking')
  expect(wx().navigateTo.mock.calls.at(-1)?.[0].url).toBe('/pages/booking/detail?id=bk_1')
  await tap(home, 'open-bill')
  expect(wx().navigateTo.mock.calls.at(-1)?.[0].url).toBe('/pages/payment/bill?id=bi_1')
  await tap(home, 'to-person')
  const consult = '/pages/consultation/index?about=转人工。我刚才问的是：身份证丢了怎么办'
  expect(decodeURIComponent(wx().navigateTo.mock.calls.at(-1)?.[0].url)).toBe(consult)
})

test('elder mode is one tap away', async () => {
  const home = await open('pages/home/home')
  await tap(home, 'elder')
  expect(home.dom.innerHTML).toMatch(/class="[^"]*screen[^"]*elder/)
  await tap(home, 'elder')
})

test('the guide says who, what to bring, how much, how long and how', async () => {
  const guide = await open('pages/item/guide', { item: item.content.code })
  for (const words of ['谁可以办', '1. 居民户口簿', '能联网查到的不用带复印件', '工本费：40 元／证', '10 个工作日内办好', '威海市政务服务中心'])
    expect(guide.dom.textContent).toContain(words)
})

test('booking shows the days and the times with what is left', async () => {
  const time = await open('pages/booking/time', { item: item.content.code, centre: centre.code })
  expect(time.dom.textContent).toContain('11月25日')
  expect(time.dom.textContent).toContain('09:00–09:30余 3')
  expect(time.dom.textContent).toContain('排队候补 · 2 人候补')
  await tap(time, 'time-09:00')
  const held = asked.find(({ url, method }) => method === 'POST' && url.endsWith('/api/bookings'))
  expect(JSON.parse(held?.data ?? '')).toEqual({ item: item.content.code, centre: centre.code, start: calendar.days[0].times[0].start })
  expect(held?.header['Idempotency-Key']).toMatch(/^[!-~]{8,64}$/)
  expect(wx().navigateTo.mock.calls.at(-1)?.[0].url).toBe('/pages/booking/confirm?id=bk_1')
})

test('the held place can be confirmed', async () => {
  const confirm = await open('pages/booking/confirm', { id: 'bk_1' })
  expect(confirm.dom.textContent).toContain('居民身份证丢失补领')
  expect(confirm.dom.textContent).toContain('确认预约')
  expect(asked.find(({ url }) => url.endsWith('/bk_1'))?.header.Authorization).toBe('Bearer t')
  await tap(confirm, 'confirm')
  expect(wx().requestSubscribeMessage.mock.calls.at(-1)?.[0].tmplIds).toEqual(['WH-booking-confirmed'])
  expect(wx().redirectTo.mock.calls.at(-1)?.[0].url).toBe('/pages/booking/detail?id=bk_1&done=confirmed&reminders=1')
})

test('progress says who has it, until when, what is missing and what is due', async () => {
  const shown = await open('pages/case/detail', { id: 'ca_1' })
  for (const words of ['需要您补充材料', '您本人', '! 快到期了', '已用 8 天，还剩 2 天', '照片不清楚', '去缴费 40.00 元', '已受理，开始计算办理时限。'])
    expect(shown.dom.textContent).toContain(words)
  await tap(shown, 'supplement')
  expect(wx().navigateTo.mock.calls.at(-1)?.[0].url).toBe('/pages/case/supplement?id=ca_1')
})

test('a bill is paid in WeChat and then asked for', async () => {
  const shown = await open('pages/payment/bill', { id: 'bi_1' })
  expect(shown.dom.textContent).toContain('微信支付 40.00 元')
  await tap(shown, 'pay')
  expect(wx().requestPayment.mock.calls.at(-1)?.[0]).toMatchObject(pay)
  expect(asked.some(({ url, method }) => method === 'POST' && url.endsWith('/api/orders/or_1/check'))).toBe(true)
  expect(shown.dom.textContent).toContain('缴费成功')
})

test('the chat shows what was said, what the bot found, and the place in the queue', async () => {
  const chat = await open('pages/consultation/index')
  for (const words of ['身份证丢了怎么补办', '居民身份证丢失补领', '看办事指南', '您前面还有 1 位', '不等了，继续问智能客服'])
    expect(chat.dom.textContent).toContain(words)
  await tap(chat, 'card-link')
  expect(wx().navigateTo.mock.calls.at(-1)?.[0].url).toBe(`/pages/item/guide?item=${item.content.code}`)
  await chat.instance.onUnload?.()
})
