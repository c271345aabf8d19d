/** Addresses of the pages. Each place that leads somewhere asks here. */
export const routes = {
  guide: (item: string) => `/pages/item/guide?item=${item}`,
  directory: () => '/pages/item/directory',
  items: (by: string, key: string, title: string) =>
    `/pages/item/list?by=${by}&key=${encodeURIComponent(key)}&title=${encodeURIComponent(title)}`,
  /** `booking`: the one that moves to another hall. */
  centre: (item: string, booking = '') => `/pages/booking/centre?item=${item}${booking && `&move=${booking}`}`,
  time: (item: string, centre: string) => `/pages/booking/time?item=${item}&centre=${centre}`,
  move: (item: string, centre: string, booking: string) =>
    `/pages/booking/time?item=${item}&centre=${centre}&move=${booking}`,
  confirm: (id: string) => `/pages/booking/confirm?id=${id}`,
  booking: (id: string) => `/pages/booking/detail?id=${id}`,
  bookings: () => '/pages/booking/mine',
  apply: (item: string) => `/pages/case/apply?item=${item}`,
  receipt: (id: string) => `/pages/case/receipt?id=${id}`,
  cases: () => '/pages/case/list',
  case: (id: string) => `/pages/case/detail?id=${id}`,
  supplement: (id: string) => `/pages/case/supplement?id=${id}`,
  lookUp: () => '/pages/case/lookup',
  bills: () => '/pages/payment/list',
  bill: (id: string) => `/pages/payment/bill?id=${id}`,
  accounts: () => '/pages/payment/accounts',
  complaints: () => '/pages/complaint/list',
  newComplaint: () => '/pages/complaint/new',
  complaint: (id: string) => `/pages/complaint/detail?id=${id}`,
  /** `about`: the first question, as from an item's page. */
  consult: (about = '') => `/pages/consultation/index${about && `?about=${encodeURIComponent(about)}`}`,
  conversation: (id: string) => `/pages/consultation/index?id=${id}`,
  conversations: () => '/pages/consultation/list',
  me: () => '/pages/account/me',
  identity: () => '/pages/account/identity',
  messages: () => '/pages/account/messages',
  switches: () => '/pages/account/switches',
  privacy: () => '/pages/account/privacy',
  close: () => '/pages/account/close',
}

export const go = (url: string) => void uni.navigateTo({ url })
/** In the place of this page: "back" does not return to it. */
export const replace = (url: string) => void uni.redirectTo({ url })
export const home = () => void uni.reLaunch({ url: '/pages/home/home' })
export const callHotline = () => void uni.makePhoneCall({ phoneNumber: '12345', fail: () => {} })
