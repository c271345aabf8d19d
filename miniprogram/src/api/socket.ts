import { liveAddress } from './config'

/**
 * The one socket layer: says hello with the session's token, pings, comes back by itself with growing waits, and tells
 * the listeners what happened. After every (re)connection `onResume` runs: whoever shows something reads it again.
 */
export interface LiveEvent {
  name: string
  [field: string]: unknown
}
/** Any other frame: docs/consultation.md lists them. */
export interface Frame {
  type: string
  [field: string]: unknown
}
const PING = 25_000
const WAITS = [1000, 2000, 5000, 10_000, 30_000]

let task: UniApp.SocketTask | null = null
let tokenOf: () => string = () => ''
let wanted = false
let failures = 0
let pinging: ReturnType<typeof setInterval> | undefined
let waiting: ReturnType<typeof setTimeout> | undefined
const eventListeners: ((event: LiveEvent) => void)[] = []
const resumeListeners: (() => void)[] = []
const frameListeners: ((frame: Frame) => void)[] = []

export const onLiveEvent = (listener: (event: LiveEvent) => void) => void eventListeners.push(listener)
export const onFrame = (listener: (frame: Frame) => void) => void frameListeners.push(listener)
/** Sends a frame if the socket is open; what must not be lost goes over HTTP. */
export const tell = (frame: Frame) => void send(frame)
export const onResume = (listener: () => void) => void resumeListeners.push(listener)

export function openLive(token: () => string) {
  tokenOf = token
  wanted = true
  if (!task) connect()
}

export function closeLive() {
  wanted = false
  clearTimeout(waiting)
  task?.close({})
  task = null
}

function connect() {
  clearTimeout(waiting)
  // Without a callback uni-app answers with a promise; with one, with the task.
  const mine = uni.connectSocket({ url: liveAddress, complete: () => {} }) as unknown as UniApp.SocketTask
  task = mine
  mine.onOpen(() => send({ type: 'hello', token: tokenOf() }))
  mine.onMessage(({ data }) => take(String(data)))
  mine.onClose(() => ended(mine))
  mine.onError(() => ended(mine))
}

function take(text: string) {
  const frame = JSON.parse(text) as Frame & { event?: LiveEvent }
  if (frame.type === 'welcome') {
    failures = 0
    clearInterval(pinging)
    pinging = setInterval(() => send({ type: 'ping' }), PING)
    resumeListeners.forEach((listener) => listener())
  } else if (frame.type === 'event' && frame.event) {
    const event = frame.event
    eventListeners.forEach((listener) => listener(event))
  } else {
    frameListeners.forEach((listener) => listener(frame))
  }
}

function send(frame: Frame) {
  task?.send({ data: JSON.stringify(frame), fail: () => {} })
}

/** Of an error and the close that follows only the first counts, and of an older socket neither. */
function ended(which: UniApp.SocketTask) {
  if (which !== task) return
  task = null
  clearInterval(pinging)
  if (!wanted) return
  const base = WAITS[Math.min(failures, WAITS.length - 1)]
  failures += 1
  // Spread out: after an outage not everybody comes back in the same second.
  waiting = setTimeout(connect, base * (0.75 + Math.random() / 2))
}
