// #ifdef H5
/**
 * STAND-IN, only in the H5 demo build: plays WeChat's app (wx.login, the consent dialog, the phone number, the payment)
 * against the demo's simulators of WeChat and WeChat Pay, through the API's /demo routes. Nothing of it is in the WeChat build.
 */
import { ApiError } from '@/api/errors'
import { zh } from '@/texts/zh'
import { yuan } from '@/utils/money'
import type { Consent, Outcome } from '@/utils/wechat'
import { askInDialog } from './dialog'

const BUILT_IN = import.meta.env.VITE_STAND_IN === 'yes'
const KEY = 'stand-in-openid'
let available: Promise<boolean> | null = null

async function isAvailable(): Promise<boolean> {
  if (!BUILT_IN) return false
  available ??= fetch('/demo/config.json').then(async (answer) => answer.ok && Boolean(await answer.json()))
  try {
    return await available
  } catch {
    available = null
    throw new ApiError('OFFLINE', zh.errors.offline)
  }
}

async function simulator<T>(action: string, body: object): Promise<T> {
  if (!(await isAvailable())) throw new ApiError('NOT_IN_WECHAT', zh.errors.notInWeChat)
  try {
    const headers = { 'Content-Type': 'application/json' }
    const answer = await fetch(`/demo/wechat/${action}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (answer.ok) return (await answer.json()) as T
  } catch {
    throw new ApiError('OFFLINE', zh.errors.offline)
  }
  throw new ApiError('BROKEN', zh.errors.signIn)
}

const openid = () => String(uni.getStorageSync(KEY) || '')

/** wx.login: the same person as the last time. */
export async function login(): Promise<string> {
  const answer = await simulator<{ code: string; openid: string }>('login', openid() ? { openid: openid() } : {})
  uni.setStorageSync(KEY, answer.openid)
  return answer.code
}

/** wx.requestSubscribeMessage: one line a template. A fault is WeChat's dialog that does not open. */
export async function subscribe(templates: { id: string; title: string }[]): Promise<Consent> {
  const { subscribe: title, faults } = zh.standIn
  const lines = templates.map((one) => one.title)
  const answer = await askInDialog({ title, lines, faults: [{ name: 'fail', label: faults.subscribe }] })
  if (answer && 'fault' in answer) return 'failed'
  const accept = answer !== null
  try {
    await simulator('subscribe', { openid: openid(), templates: templates.map(({ id }) => ({ id, accept })), wait: true })
  } catch {
    return 'failed'
  }
  return accept ? 'allowed' : 'refused'
}

/**
 * wx.requestPayment, with the money of the WeChat Pay simulator. Faults: the bank refuses; or the money is paid, and the
 * phone is told of a failure.
 */
export async function pay(prepay: string, title: string, fen: number): Promise<Outcome> {
  const { payNow, notNow, faults } = zh.standIn
  const answer = await askInDialog({
    title: zh.standIn.pay,
    lines: [title, yuan(fen)],
    allow: payNow,
    refuse: notNow,
    faults: [
      { name: 'fail', label: faults.bank },
      { name: 'lost', label: faults.lost },
    ],
  })
  if (answer === null) return 'cancelled'
  const fault = 'fault' in answer ? answer.fault : ''
  if (fault === 'fail') return 'failed'
  try {
    const body = { prepay_id: prepay.replace('prepay_id=', ''), openid: openid() }
    const { result } = await simulator<{ result: string }>('pay', body)
    return !fault && ['paid', 'already_paid', 'user_paying'].includes(result) ? 'done' : 'failed'
  } catch {
    return 'failed'
  }
}

/** The button with open-type="getPhoneNumber"; null: refused. */
export async function phoneNumber(): Promise<string | null> {
  const field = { label: zh.standIn.phoneLabel, value: '13800001234' }
  const answer = await askInDialog({ title: zh.standIn.phone, field })
  if (answer === null || 'fault' in answer) return null
  return (await simulator<{ code: string }>('phone', { openid: openid(), phone: answer.text })).code
}
// #endif
