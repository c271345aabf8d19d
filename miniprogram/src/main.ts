import { createSSRApp } from 'vue'
import { createPinia } from 'pinia'
import App from './App.vue'
// #ifdef H5
import { bridgeAria } from './utils/h5-a11y'

bridgeAria()
// #endif

export function createApp() {
  const app = createSSRApp(App)
  app.use(createPinia())
  return { app }
}
