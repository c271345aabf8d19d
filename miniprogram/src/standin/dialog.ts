// #ifdef H5
import { zh } from '@/texts/zh'
import './dialog.css'

/** One of WeChat's dialogs, marked as a stand-in. Answers "" or the field's text when allowed, null when refused. */
export function askInDialog(
  title: string,
  lines: string[],
  field?: { label: string; value: string },
  labels: { refuse: string; allow: string } = zh.standIn,
): Promise<string | null> {
  const dialog = document.createElement('dialog')
  dialog.className = 'stand-in'
  dialog.setAttribute('aria-labelledby', 'stand-in-title')
  dialog.append(
    element('p', 'stand-in-mark', zh.standIn.mark),
    Object.assign(element('h2', 'stand-in-title', title), { id: 'stand-in-title' }),
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
    const answer = (value: string | null) => {
      dialog.close()
      dialog.remove()
      resolve(value)
    }
    const buttons = element('div', 'stand-in-buttons')
    buttons.append(
      button('stand-in-refuse', labels.refuse, () => answer(null)),
      button('stand-in-allow', labels.allow, () => answer(field ? input.value.trim() : '')),
    )
    dialog.append(buttons)
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
