/** Times as Weihai reads them; the API sends instants with +08:00. */
const zone = 'Asia/Shanghai'
const time = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, hour: '2-digit', minute: '2-digit', hour12: false })
const moment = new Intl.DateTimeFormat('zh-CN', {
  timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
})
const day = new Intl.DateTimeFormat('zh-CN', { timeZone: zone, month: 'long', day: 'numeric', weekday: 'long' })

/** "09:30" */
export function timeOf(instant: string): string {
  return time.format(new Date(instant))
}

/** "2026/11/24 09:30:00" */
export function momentOf(instant: string): string {
  return moment.format(new Date(instant))
}

/** "11月24日星期二" of "2026-11-24" */
export function dayInWords(date: string): string {
  return day.format(new Date(`${date}T12:00:00+08:00`))
}

/** "2026/11/24 09:30" */
export function minuteOf(instant: string): string {
  return momentOf(instant).slice(0, -3)
}
