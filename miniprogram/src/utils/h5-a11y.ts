// #ifdef H5
import { zh } from '@/texts/zh'

/**
 * What browsers need beside what WeChat reads: WeChat says aria-role, browsers role; uni-app's own elements (uni-button,
 * uni-input, the title bar) carry no role and take no key. Runs once, and on every later change of the page.
 */
export function bridgeAria(root: HTMLElement = document.body) {
  const observer = new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === 'attributes') mend(change.target as Element)
      else change.addedNodes.forEach(mendBelow)
    }
  })
  mendBelow(root)
  const attributes = ['aria-role', 'aria-label', 'disabled']
  observer.observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: attributes })
  root.addEventListener('keydown', pressOnEnter)
}

const OURS = '[aria-role],uni-input,uni-textarea,uni-button,uni-image img,uni-page-head,.uni-page-head__title,.uni-page-head-btn'

function mendBelow(node: Node) {
  if (!(node instanceof Element)) return
  mend(node)
  node.querySelectorAll(OURS).forEach(mend)
}

/** Only what differs: setting an attribute again would call the observer again, for ever. */
function set(element: Element, name: string, value: string) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

function mend(element: Element) {
  const role = element.getAttribute('aria-role')
  if (role !== null) {
    if (role) set(element, 'role', role)
    if (role === 'heading' && !element.hasAttribute('aria-level')) set(element, 'aria-level', '2')
    element.removeAttribute('aria-role')
  }
  if (element.matches('uni-button')) mendButton(element)
  if (element.matches('uni-input,uni-textarea')) mendField(element)
  // The host of a picture carries its name; the <img> within adds nothing.
  if (element.matches('uni-image img')) set(element, 'alt', '')
  if (element.matches('uni-page-head')) set(element, 'role', 'banner')
  if (element.matches('.uni-page-head__title')) {
    set(element, 'role', 'heading')
    set(element, 'aria-level', '1')
  }
  if (element.matches('.uni-page-head-btn')) {
    set(element, 'role', 'button')
    set(element, 'tabindex', '0')
    set(element, 'aria-label', zh.common.back)
  }
}

function mendButton(element: Element) {
  const disabled = element.hasAttribute('disabled') && element.getAttribute('disabled') !== 'false'
  if (!element.hasAttribute('role')) set(element, 'role', 'button')
  set(element, 'tabindex', disabled ? '-1' : '0')
  if (disabled) set(element, 'aria-disabled', 'true')
  else element.removeAttribute('aria-disabled')
}

function mendField(element: Element) {
  const label = element.getAttribute('aria-label')
  if (!label) return
  const inner = element.querySelector('input,textarea')
  if (inner) set(inner, 'aria-label', label)
  element.removeAttribute('aria-label')
}

function pressOnEnter(event: KeyboardEvent) {
  const target = event.target as HTMLElement
  if ((event.key === 'Enter' || event.key === ' ') && target.matches('uni-button,.uni-page-head-btn')) {
    event.preventDefault()
    target.click()
  }
}
// #endif
