// #ifdef H5
/**
 * STAND-IN, only in the H5 demo build: plays WeChat's app (wx.login, the consent dialog, the phone number, the payment)
 * against the demo's simulators of WeChat and WeChat Pay, through the API's /demo routes. Nothing of it is in the WeChat build.
 */
import { ApiError } from '@/api/errors'
import { zh } from '@/texts/zh'
import { yuan } from '@/utils/money'
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

/** wx.requestSubscribeMessage: one line a template; true when at least one was allowed. */
export async function subscribe(templates: { id: string; title: string }[]): Promise<boolean> {
  const allowed = await askInDialog(zh.standIn.subscribe, templates.map(({ title }) => title))
  try {
    const choices = templates.map(({ id }) => ({ id, accept: allowed !== null }))
    await simulator('subscribe', { openid: openid(), templates: choices, wait: true })
  } catch {
    return false
  }
  return allowed !== null
}

/** wx.requestPayment, with the money of the WeChat Pay simulator. */
export async function pay(prepay: string, title: string, fen: number): Promise<'done' | 'cancelled' | 'failed'> {
  const labels = { allow: zh.standIn.payNow, refuse: zh.standIn.notNow }
  if ((await askInDialog(zh.standIn.pay, [title, yuan(fen)], undefined, labels)) === null) return 'cancelled'
  try {
    const body = { prepay_id: prepay.replace('prepay_id=', ''), openid: openid() }
    const { result } = await simulator<{ result: string }>('pay', body)
    return ['paid', 'already_paid', 'user_paying'].includes(result) ? 'done' : 'failed'
  } catch {
    return 'failed'
  }
}

/** The button with open-type="getPhoneNumber"; null: refused. */
export async function phoneNumber(): Promise<string | null> {
  const phone = await askInDialog(zh.standIn.phone, [], { label: zh.standIn.phoneLabel, value: '13800001234' })
  if (phone === null) return null
  return (await simulator<{ code: string }>('phone', { openid: openid(), phone })).code
}
// #endif
