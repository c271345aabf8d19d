import type { Said } from '../src/api/types'
import { item } from './answers'

/** The API's description leaves open what a card carries. */
const card = (given: object) => given as never

/** What the conversation on the first page is answered. */
export const answered: Said = {
  replies: [
    {
      kind: 'card', card: 'item', text: '您要办的是“居民身份证丢失补领”，由市公安局负责。',
      data: card({
        item: item.content.code, version: 3, name: item.content.name, department: '市公安局', limit_days: 10, fee: '工本费40元', materials: 1,
        online: 'partial', bookable: true, probability: 0.97, matched: ['身份证', '身份证丢了', '没补'].map((word) => ({ word, fields: ['questions'], repaired: false })),
      }),
      options: [
        { label: '预约办理', choice: `book:${item.content.code}` },
        { label: '需要什么材料', choice: `tell:materials:${item.content.code}` },
      ],
    },
  ],
  conversation: null, task: null, hand_over: null, feedback: null,
}

const start = '2026-11-25T14:00:00+08:00'
export const confirming: Said = {
  replies: [
    {
      kind: 'card', card: 'confirm', text: '请确认：预约11月25日（周三）14:00，威海市政务服务中心，办理“居民身份证丢失补领”。',
      data: card({
        task: 'book', item: item.content.code, item_name: item.content.name, centre: 'WH-CITY', centre_name: '威海市政务服务中心', address: '文化中路',
        start, time: '11月25日（周三）14:00', materials: ['居民户口簿'], notes: [], booking: '',
      }),
      options: [{ label: '确认预约', choice: `yes:${start}` }, { label: '换个时间', choice: 'other:time' }, { label: '候补09:00', choice: `wait:${start}` }],
    },
  ],
  conversation: null, task: 'book', hand_over: null, feedback: null,
}
export const booked: Said = {
  replies: [
    { kind: 'card', card: 'booking', text: '预约成功：11月25日（周三）14:00', data: card({ id: 'bk_1', state: 'confirmed', start }), options: [] },
    { kind: 'card', card: 'bill', text: '工本费：40.00元', data: card({ id: 'bi_1', title: '居民身份证工本费', payee: '', amount_fen: 4000 }), options: [] },
  ],
  conversation: null, task: null, hand_over: 'asked', feedback: null,
}
