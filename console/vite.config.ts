import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

// The API serves the build at /console; in development requests go on to it.
const api = 'http://127.0.0.1:8888'

export default defineConfig({
  base: '/console/',
  plugins: [vue()],
  build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 600 },
  server: { host: '127.0.0.1', proxy: { '/staff': { target: api, ws: true }, '/api': { target: api, ws: true } } },
})
