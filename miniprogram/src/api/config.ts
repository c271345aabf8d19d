import { address } from './address'

export const TIMEOUT = 8000
/** Waits between the attempts of one request; as many repetitions as there are numbers. */
export const BACK_OFF = [600, 1800]

export const apiAddress = address(import.meta.env.VITE_API_URL)
/** WebSockets live at the same host. */
export const liveAddress = `${apiAddress.replace(/^http/, 'ws')}/api/live`
