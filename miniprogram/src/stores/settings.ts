import { computed, ref } from 'vue'
import { defineStore } from 'pinia'

export type Theme = 'system' | 'on' | 'off'
const KEY = 'settings'
/** WeChat's own font size from which on the big letters come by themselves. */
const LARGE_FONT = 1.2

/** How the pages look: elder mode and dark mode, kept on the phone. */
export const useSettings = defineStore('settings', () => {
  const kept = (uni.getStorageSync(KEY) || {}) as { elder?: boolean; theme?: Theme }
  const elder = ref(kept.elder ?? prefersLargeFont())
  const theme = ref<Theme>(kept.theme ?? 'system')
  const systemDark = ref(systemTheme() === 'dark')
  const dark = computed(() => (theme.value === 'system' ? systemDark.value : theme.value === 'on'))

  uni.onThemeChange?.(({ theme: now }) => {
    systemDark.value = now === 'dark'
    dressTitleBar()
  })

  function keep() {
    uni.setStorageSync(KEY, { elder: elder.value, theme: theme.value })
    dressTitleBar()
  }
  function setElder(on: boolean) {
    elder.value = on
    keep()
  }
  function setTheme(wanted: Theme) {
    theme.value = wanted
    keep()
  }
  /** The title bar is WeChat's, not the page's: it is told what the page looks like. */
  function dressTitleBar() {
    const colours = dark.value
      ? { frontColor: '#ffffff', backgroundColor: '#14181d' }
      : { frontColor: '#000000', backgroundColor: '#ffffff' }
    uni.setNavigationBarColor({ ...colours, fail: () => {} })
    // #ifdef H5
    document.documentElement.classList.toggle('elder', elder.value)
    document.documentElement.classList.toggle('dark', dark.value)
    // #endif
  }
  return { elder, theme, dark, setElder, setTheme, dressTitleBar }
})

function prefersLargeFont(): boolean {
  // #ifdef MP-WEIXIN
  const base = uni.getAppBaseInfo() as { fontSizeScaleFactor?: number }
  return (base.fontSizeScaleFactor ?? 1) > LARGE_FONT
  // #endif
  // #ifndef MP-WEIXIN
  return LARGE_FONT < 1
  // #endif
}

function systemTheme(): string | undefined {
  // #ifdef H5
  return window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  // #endif
  // #ifndef H5
  return (uni.getAppBaseInfo() as { theme?: string }).theme
  // #endif
}
