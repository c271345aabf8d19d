import type { Bill, Booking, Calendar, Case, Centre, Conversation, Entry, ItemView, Order, Subscription } from '../src/api/types'

/** Answers as the API gives them; the types are the API's own, so a change there breaks these first. */
export const item: ItemView = {
  version: 3,
  published_at: '2026-11-01T09:00:00+08:00',
  bookable: true,
  sample: '示例数据',
  content: {
    code: '000709402000', name: '居民身份证丢失补领', kind: 'confirmation', field: 'public_safety', department: '市公安局',
    levels: ['county'], audience: ['person'], aliases: [], keywords: [], questions: [],
    conditions: ['本市户籍居民，身份证丢失的'],
    materials: [
      { name: '居民户口簿', material_class: 'A', required: true, condition: '', source: '公安机关核发', form: '原件1份', when: null },
    ],
    legal_basis: [{ title: '中华人民共和国居民身份证法', article: '第十一条' }],
    fees: [{ name: '工本费', amount_fen: 4000, unit: '证' }],
    fee_note: '', legal_limit_days: 60, promised_limit_days: 10,
    steps: [{ name: '申请', detail: '到窗口拍照、按指纹', working_days: 0 }],
    delivery: ['window', 'post'], life_events: ['move'], online: 'partial', result_name: '居民身份证',
    counter: 'household', notes: '', form: [], tasks: [],
  },
}

export const centre: Centre = {
  code: 'WH-CITY', name: '威海市政务服务中心', level: 'city', district: '环翠区', address: '文化中路', phone: '0631-5820001',
  location: [122.1, 37.5], opening: {}, counters: [], notes: '', distance_km: null, sample: '示例数据',
}

export const calendar: Calendar = {
  item: item.content.code,
  centre: centre.code,
  days: [
    {
      day: '2026-11-25', free: 3,
      times: [
        { start: '2026-11-25T09:00:00+08:00', end: '2026-11-25T09:30:00+08:00', capacity: 4, free: 3, waiting: 0 },
        { start: '2026-11-25T09:30:00+08:00', end: '2026-11-25T10:00:00+08:00', capacity: 4, free: 0, waiting: 2 },
      ],
    },
  ],
}

export const held: Booking = {
  id: 'bk_1', state: 'held', state_text: '已为您保留，请尽快确认', item: item.content.code, item_version: 3,
  item_name: item.content.name, centre: centre.code, centre_name: centre.name, centre_address: centre.address,
  start: '2026-11-25T09:00:00+08:00', end: '2026-11-25T09:30:00+08:00', until: '2026-11-24T09:05:00+08:00',
  queue_number: '', window: '', created_at: '2026-11-24T09:00:00+08:00', actions: ['cancel', 'confirm'],
}

export const subscription: Subscription = {
  template_id: 'WH-booking-confirmed', kind: 'one_time', titles: ['预约成功通知'], codes: ['booking_confirmed'], credits: 0,
  open: true,
}

export const offers: Subscription = {
  template_id: 'WH-place-offered', kind: 'one_time', titles: ['候补名额通知'], codes: ['place_offered'], credits: 0, open: true,
}

const clock = { limit: 10, used: 8, left: 2, deadline: '2026-12-07', colour: 'yellow', paused: false, stopped: false, provisional: false }

export const caseInHand: Case = {
  id: 'ca_1', item: item.content.code, item_version: 3, query_code: '7Q4K', submitted_at: '2026-11-20T09:00:00+08:00',
  progress: {
    number: 'WH20261120-04817263', item_name: item.content.name, state: 'supplementing', state_words: '需要您补充材料，办理时限暂停计算',
    holder: '您本人', until: '2026-12-07', clock,
    timeline: [
      { at: '2026-11-20T09:00:00+08:00', words: '您提交了申请，我们已收到。' },
      { at: '2026-11-21T09:00:00+08:00', words: '已受理，开始计算办理时限。' },
    ],
  },
  materials: [{ name: '居民户口簿', state: 'provided', files: ['fi_1'], source: '' }],
  notices: [{ at: '2026-11-23T09:00:00+08:00', missing: ['居民户口簿'], message: '照片不清楚', reason: '', until: '2026-12-16', answered_at: null }],
  delivery: 'window', opinion: '', result: null, handover: null, actions: ['supplement', 'withdraw'],
}

export const bill: Bill = {
  id: 'bi_1', state: 'open', state_text: '待缴费', subject_kind: 'case', subject: 'ca_1', title: '居民身份证工本费',
  lines: [{ name: '工本费', amount_fen: 4000, quantity: 1 }], amount_fen: 4000, paid_fen: 0, refunded_fen: 0,
  created_at: '2026-11-23T09:00:00+08:00', due_at: null, paid_at: null, order: null, payable: true,
}

export const paidOrder: Order = {
  id: 'or_1', bill: 'bi_1', state: 'paid', state_text: '支付成功', final: true, amount_fen: 4000, refunded_fen: 0, refunding_fen: 0,
  surplus: false, created_at: '2026-11-23T09:00:00+08:00', expires_at: '2026-11-23T11:00:00+08:00', paid_at: '2026-11-23T09:01:00+08:00',
}

export const conversation: Conversation = {
  id: 'cv_1', state: 'queued', language: 'zh', about: '', created_at: '2026-11-24T09:00:00+08:00', closed_at: null, officer: '', place: 2,
  read_resident: 0, read_staff: 0, rated: false, can_rate: false, actions: ['close', 'return_to_bot'],
  hours: '工作日 09:00–17:00', question: '',
}

const said = (seq: number, side: string, text: string): Entry => ({
  seq, side, text, at: '2026-11-24T09:00:00+08:00', kind: 'text', data: {}, sender: '', client_msg_id: '', mine: side === 'resident',
  recalled: false, check: '', masked: '',
})
const found = { card: 'item', item: item.content.code, choices: [{ label: '预约办理', text: '预约' }] }
export const entries: Entry[] = [
  said(1, 'bot', '您好，请说您想办什么事。'),
  said(2, 'resident', '身份证丢了怎么补办'),
  { ...said(3, 'bot', '您要办的是“居民身份证丢失补领”。'), kind: 'card', data: found as unknown as Entry['data'] },
]
