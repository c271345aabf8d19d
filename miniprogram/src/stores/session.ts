import { ref } from 'vue'
import { defineStore } from 'pinia'
import { get, post, put, remove, onReachable, useRenewal } from '@/api/client'
import { closeLive, openLive } from '@/api/socket'
import { ApiError } from '@/api/errors'
import type { Profile } from '@/api/types'
import { loginCode } from '@/utils/wechat'
import { zh } from '@/texts/zh'

const KEY = 'token'
/** Kept by stores/draft.ts and stores/complaints.ts. */
const PERSONAL = ['drafts', 'complaint']

/** Who is signed in, and whether the city can be reached. */
export const useSession = defineStore('session', () => {
  const token = ref(String(uni.getStorageSync(KEY) || ''))
  const profile = ref<Profile | null>(null)
  const online = ref(true)
  let signingIn: Promise<void> | null = null

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
    openLive(() => token.value)
  }
  async function renew(): Promise<boolean> {
    forget()
    try {
      await ensure()
      return true
    } catch {
      return false
    }
  }
  /** At start: an old session goes on; the first time signs in. Without one the guides still work. */
  async function start() {
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
  async function signOut() {
    await remove('/api/session')
    forget()
    // What was written and not sent is this person's: the next one on this phone must not see it.
    PERSONAL.forEach((kept) => uni.removeStorageSync(kept))
  }
  function forget() {
    token.value = ''
    profile.value = null
    uni.removeStorageSync(KEY)
    closeLive()
  }
  return { token, profile, online, ensure, start, load, verify, bindPhone, agree, signOut }
})
