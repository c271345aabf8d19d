import { computed, ref } from 'vue'
import { defineStore } from 'pinia'
import { bytes, get, post } from '@/api/client'
import { onLiveEvent, onResume } from '@/api/socket'
import type { Account, AccountKind, Bill, Order } from '@/api/types'
import { show } from '@/utils/save'
import { wait } from '@/utils/wait'
import { askPayment, type Outcome } from '@/utils/wechat'
import { onSignOut, useSession } from './session'

/** WeChat's dialog closes before the money is certain: asked so often, so far apart, until it is. */
const CHECKS = 8
const APART = 2000

/** My bills, and paying one. */
export const usePayments = defineStore('payments', () => {
  const session = useSession()
  const list = ref<Bill[] | null>(null)
  const accounts = ref<Account[] | null>(null)
  const news = ref(0)
  const open = computed(() => (list.value ?? []).filter(({ state }) => state === 'open'))
  const settled = computed(() => (list.value ?? []).filter(({ state }) => state !== 'open'))

  async function load() {
    await session.ensure()
    list.value = (await get('/api/bills')).bills
  }
  async function one(id: string): Promise<Bill> {
    await session.ensure()
    return get('/api/bills/{bill_id}', { path: { bill_id: id } })
  }
  const order = (id: string): Promise<Order> => get('/api/orders/{order_id}', { path: { order_id: id } })
  /** Opens WeChat's payment; the order is then asked for with `settle`. Raises ApiError. */
  async function begin(bill: Bill): Promise<{ order: string; outcome: Outcome }> {
    const answer = await post('/api/bills/{bill_id}/pay', { path: { bill_id: bill.id }, body: {} as never })
    return { order: answer.order, outcome: await askPayment(answer.pay, bill.title, answer.amount_fen) }
  }
  /** How the payment went, asked again until it is final; what is known at the end may still be "awaiting". */
  async function settle(id: string, checks = CHECKS): Promise<Order> {
    for (let made = 1; ; made += 1) {
      const found = await post('/api/orders/{order_id}/check', { path: { order_id: id } })
      if (found.final || made >= checks) return found
      await wait(APART)
    }
  }
  const openReceipt = async (id: string) => show(await bytes('/api/bills/{bill_id}/receipt.pdf', { bill_id: id }), id)

  async function loadAccounts() {
    await session.ensure()
    accounts.value = (await get('/api/accounts')).accounts
  }
  /** As the issuer's notice prints number and holder. */
  async function bind(kind: AccountKind, number: string, holder: string) {
    await session.ensure()
    await post('/api/accounts', { body: { kind, account_number: number, holder } })
    await Promise.all([loadAccounts(), load()])
  }
  async function unbind(id: string) {
    await post('/api/accounts/{account_id}/unbind', { path: { account_id: id } })
    await Promise.all([loadAccounts(), load()])
  }
  /** The bills of a case. */
  const ofCase = (id: string) => (list.value ?? []).filter((bill) => bill.subject_kind === 'case' && bill.subject === id)

  async function refresh() {
    news.value += 1
    if (session.token && list.value !== null) await load().catch(() => {})
  }
  onLiveEvent(({ name }) => void (/^(bill|order|refund|payment)\./.test(name) && refresh()))
  onResume(() => void refresh())
  onSignOut(() => (list.value = accounts.value = null))
  return {
    list, accounts, news, open, settled, load, one, order, begin, settle, openReceipt, loadAccounts, bind, unbind, ofCase,
  }
})
