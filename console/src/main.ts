import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { onSessionEnd } from './api/client'
import { router } from './router'
import { useSession } from './stores/session'
import './element'
import './styles.css'

const app = createApp(App)
app.use(createPinia())
onSessionEnd(() => {
  const session = useSession()
  if (!session.signedIn) return
  session.forget()
  // Drafts are in localStorage: whoever signs in again finds the work where it was.
  void router.push({ name: 'sign-in', query: { to: router.currentRoute.value.fullPath, ended: '1' } })
})
app.use(router)
app.mount('#app')
