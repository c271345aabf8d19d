import { zh } from '@/texts/zh'
import { go, routes } from '@/utils/routes'

/** The large squares on the first page. A capability adds a line here when it has a page to go to. */
export interface Shortcut {
  name: string
  title: string
  note: string
  open: () => void
}

const shortcut = (name: keyof typeof zh.shortcuts, open: () => void): Shortcut => ({
  name,
  title: zh.shortcuts[name],
  note: zh.shortcutNotes[name],
  open,
})

export const SHORTCUTS: Shortcut[] = [
  shortcut('book', () => go(routes.bookings())),
  shortcut('progress', () => go(routes.cases())),
  shortcut('pay', () => go(routes.bills())),
  shortcut('consult', () => go(routes.consult())),
  shortcut('complain', () => go(routes.complaints())),
  shortcut('directory', () => go(routes.directory())),
]
