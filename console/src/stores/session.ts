/** Who is signed in. The token lives in sessionStorage: it ends with the tab, and no other tab sees it. */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { call, useToken, type Schemas } from '../api/client'

const KEPT = 'banshi.token'

export const useSession = defineStore('session', () => {
  const token = ref(sessionStorage.getItem(KEPT) ?? '')
  const me = ref<Schemas['StaffMe'] | null>(null)
  useToken(token.value)

  const signedIn = computed(() => token.value !== '')

  function keep(value: string): void {
    token.value = value
    useToken(value)
    if (value) sessionStorage.setItem(KEPT, value)
    else sessionStorage.removeItem(KEPT)
  }

  /** Raises SECOND_FACTOR_REQUIRED when a code has to be asked for. */
  async function signIn(username: string, password: string, code: string | null): Promise<void> {
    const made = await call('post', '/staff/session', { body: { username, password, code }, once: true })
    keep(made.token)
    await load()
  }

  async function load(): Promise<void> {
    me.value = await call('get', '/staff/me')
  }

  async function signOut(): Promise<void> {
    // Whatever the API answers, nobody stays signed in on this screen.
    await call('delete', '/staff/session').catch(() => undefined)
    forget()
  }

  function forget(): void {
    keep('')
    me.value = null
  }

  /** With no roles named: anybody who is signed in. */
  function may(roles: readonly string[]): boolean {
    return roles.length === 0 || roles.some((role) => me.value?.roles.includes(role))
  }

  return { token, me, signedIn, signIn, load, signOut, forget, may }
})
