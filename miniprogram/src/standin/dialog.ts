// #ifdef H5
import { zh } from '@/texts/zh'
import './dialog.css'

export interface Asked {
  title: string
  lines?: string[]
  field?: { label: string; value: string }
  allow?: string
  refuse?: string
  /** What else can happen to WeChat's dialog: the tester chooses. */
  faults?: { name: string; label: string }[]
}
export type Answered = { text: string } | { fault: string } | null

/** One of WeChat's dialogs, marked as a stand-in. The field's text when allowed, the fault chosen, null when refused. */
export function askInDialog(asked: Asked): Promise<Answered> {
  const { lines = [], field, faults = [], allow = zh.standIn.allow, refuse = zh.standIn.refuse } = asked
  const dialog = document.createElement('dialog')
  dialog.className = 'stand-in'
  dialog.setAttribute('aria-labelledby', 'stand-in-title')
  dialog.append(
    element('p', 'stand-in-mark', zh.standIn.mark),
    Object.assign(element('h2', 'stand-in-title', asked.title), { id: 'stand-in-title' }),
    ...lines.map((line) => element('p', 'stand-in-line', line)),
  )
  const input = document.createElement('input')
  if (field) {
    const label = element('label', 'stand-in-line', field.label)
    input.value = field.value
    input.inputMode = 'numeric'
    label.append(input)
    dialog.append(label)
  }
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    const answer = (value: Answered) => {
      dialog.close()
      dialog.remove()
      resolve(value)
    }
    const buttons = element('div', 'stand-in-buttons')
    buttons.append(
      button('stand-in-refuse', refuse, () => answer(null)),
      button('stand-in-allow', allow, () => answer({ text: field ? input.value.trim() : '' })),
    )
    dialog.append(buttons)
    if (faults.length) {
      const more = element('div', 'stand-in-faults')
      more.append(
        element('p', 'stand-in-mark', zh.standIn.otherwise),
        ...faults.map(({ name, label }) => button(`stand-in-${name}`, label, () => answer({ fault: name }))),
      )
      dialog.append(more)
    }
    dialog.addEventListener('cancel', () => answer(null))
  })
}

function element(tag: string, name: string, text = ''): HTMLElement {
  const made = document.createElement(tag)
  made.className = name
  made.textContent = text
  return made
}

function button(name: string, text: string, onClick: () => void): HTMLElement {
  const made = element('button', name, text)
  made.dataset.testid = name
  made.addEventListener('click', onClick)
  return made
}
// #endif
