import { ref } from 'vue'
import { defineStore } from 'pinia'
import { get, post, put, remove, onReachable, useRenewal } from '@/api/client'
import { closeLive, openLive } from '@/api/socket'
import { ApiError } from '@/api/errors'
import type { Profile } from '@/api/types'
import { loginCode } from '@/utils/wechat'
import { zh } from '@/texts/zh'

const KEY = 'token'
/** Whoever has signed out stays so until they ask for something that needs them. */
const LEFT = 'signed-out'
/** Kept by stores/draft.ts, stores/complaints.ts, stores/consultation.ts, stores/talk.ts and stores/supplements.ts. */
const PERSONAL = ['drafts', 'complaint', 'unsent', 'talk', 'supplements']
const forgetters: (() => void)[] = []
/** Runs when the resident signs out: nothing of theirs stays for the next one on this phone. */
export const onSignOut = (forget: () => void) => void forgetters.push(forget)

/** Who is signed in, and whether the city can be reached. */
export const useSession = defineStore('session', () => {
  const token = ref(String(uni.getStorageSync(KEY) || ''))
  const profile = ref<Profile | null>(null)
  const online = ref(true)
  let signingIn: Promise<void> | null = null
  let starting: Promise<void> | null = null

  useRenewal({ token: () => token.value, renew })
  onReachable((reached) => (online.value = reached))
  uni.onNetworkStatusChange?.(({ isConnected }) => (online.value = isConnected))

  /** Signs in when nobody is; callers at the same time share one login. Raises ApiError. */
  async function ensure() {
    if (token.value) return
    signingIn ??= signIn().finally(() => (signingIn = null))
    await signingIn
  }
  async function signIn() {
    const code = await loginCode()
    const answer = await post('/api/session', { body: { code }, repeat: false })
    token.value = answer.token
    uni.setStorageSync(KEY, answer.token)
    uni.removeStorageSync(LEFT)
    openLive(() => token.value)
  }
  async function renew(): Promise<boolean> {
    const before = profile.value
    forget()
    // A form that is open does not vanish: who it is comes again with the new session.
    profile.value = before
    try {
      await ensure()
      if (before) void load().catch(() => {})
      return true
    } catch {
      profile.value = null
      return false
    }
  }
  /** At start, once: an old session goes on; the first time signs in. Without one the guides still work. */
  const start = () => (starting ??= begin())
  async function begin() {
    if (!token.value && uni.getStorageSync(LEFT)) return
    try {
      await ensure()
      openLive(() => token.value)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
    }
  }
  async function load() {
    await ensure()
    profile.value = await get('/api/me')
  }
  /** Of whoever is signed in: signs nobody in. */
  async function known() {
    await start()
    if (token.value) await load()
  }
  async function verify(name: string, idNumber: string) {
    profile.value = await put('/api/me/identity', { body: { name, id_number: idNumber } })
  }
  async function bindPhone(code: string) {
    profile.value = await put('/api/me/phone', { body: { code }, repeat: false })
  }
  async function agree() {
    await ensure()
    profile.value = await put('/api/me/privacy', { body: { version: zh.privacy.version } })
  }
  async function withdraw() {
    profile.value = await remove('/api/me/privacy')
  }
  /** For good: the API ends the account and all its sessions. */
  async function close() {
    await post('/api/me/close', { body: { understood: true } })
    leave()
  }
  async function signOut() {
    await remove('/api/session')
    leave()
  }
  function leave() {
    forget()
    // What was written and not sent is this person's: the next one on this phone must not see it.
    PERSONAL.forEach((kept) => uni.removeStorageSync(kept))
    forgetters.forEach((each) => each())
    uni.setStorageSync(LEFT, true)
  }
  function forget() {
    token.value = ''
    profile.value = null
    uni.removeStorageSync(KEY)
    closeLive()
  }
  return { token, profile, online, ensure, start, load, known, verify, bindPhone, agree, withdraw, close, signOut }
})
