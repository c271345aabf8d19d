import { ApiError } from '@/api/errors'
import type { PayFields } from '@/api/types'
import { zh } from '@/texts/zh'
// #ifdef H5
import * as standIn from '@/standin/phone'
// #endif

/** What only WeChat's app can do. In a browser the demo's stand-in plays it; without a demo it cannot be done. */

/** A code of wx.login, usable once. Raises ApiError. */
export function loginCode(): Promise<string> {
  // #ifdef H5
  return standIn.login()
  // #endif
  // #ifndef H5
  return new Promise((resolve, reject) => {
    uni.login({
      provider: 'weixin',
      success: ({ code }) => resolve(code),
      fail: () => reject(new ApiError('OFFLINE', zh.errors.signIn)),
    })
  })
  // #endif
}

export type Consent = 'allowed' | 'refused' | 'failed'
/**
 * Asks in WeChat's own dialog for the consent to messages; the templates (at most three, of one kind) were read before,
 * because WeChat opens the dialog only in a tap. `titles` say to the stand-in what WeChat would show. "allowed": at least
 * one was. A refusal or a failure is no error: the messages then wait in the inbox.
 */
export function askConsent(templates: { id: string; title: string }[]): Promise<Consent> {
  if (!templates.length) return Promise.resolve('refused')
  // #ifdef H5
  return standIn.subscribe(templates)
  // #endif
  // #ifndef H5
  return new Promise((resolve) => {
    uni.requestSubscribeMessage({
      tmplIds: templates.map(({ id }) => id),
      success: (answer) => resolve(Object.values(answer).includes('accept') ? 'allowed' : 'refused'),
      // The switch for all reminders is off in WeChat, or its dialog did not open.
      fail: () => resolve('failed'),
    })
  })
  // #endif
}

// #ifdef H5
/** WeChat hands this code to a button with open-type="getPhoneNumber"; a browser has no such button. */
export const phoneCode = (): Promise<string | null> => standIn.phoneNumber()
// #endif

export type Outcome = 'done' | 'cancelled' | 'failed'
/**
 * WeChat's payment dialog. "done" says that the resident got through it, not that the money is there: the API knows
 * (docs/payments.md). `title` and `fen` say to the stand-in what WeChat would show.
 */
export function askPayment(fields: PayFields, title: string, fen: number): Promise<Outcome> {
  // #ifdef H5
  return standIn.pay(fields.package, title, fen)
  // #endif
  // #ifndef H5
  return new Promise((resolve) => {
    uni.requestPayment({
      ...fields,
      provider: 'wxpay',
      orderInfo: '',
      success: () => resolve('done'),
      fail: ({ errMsg }) => resolve(/cancel/i.test(errMsg ?? '') ? 'cancelled' : 'failed'),
    })
  })
  // #endif
}

export type Place = { longitude: number; latitude: number }
// Browsers know WGS-84 only; the half kilometre between the two does not change which hall is the nearest.
let coordinates: 'gcj02' | 'wgs84' = 'gcj02'
// #ifdef H5
coordinates = 'wgs84'
// #endif
/** Where the resident is. "refused": they said no; "failed": it could not be found out. */
export function whereAmI(): Promise<Place | 'refused' | 'failed'> {
  return new Promise((resolve) => {
    uni.getLocation({
      type: coordinates,
      success: ({ longitude, latitude }) => resolve({ longitude, latitude }),
      fail: ({ errMsg }) => resolve(/auth|denied|deny|permission/i.test(errMsg ?? '') ? 'refused' : 'failed'),
    })
  })
}

// #ifdef MP-WEIXIN
/** A place on WeChat's map, as its name or address; null: none was chosen. Browsers have no such map here. */
export function choosePlace(): Promise<string | null> {
  return new Promise((resolve) => {
    uni.chooseLocation({
      success: ({ name, address }) => resolve([address, name].filter(Boolean).join(' ') || null),
      fail: () => resolve(null),
    })
  })
}
// #endif
