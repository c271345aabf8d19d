import { ref } from 'vue'
import { defineStore } from 'pinia'
import { bytes, remove } from '@/api/client'
import type { KeptFile } from '@/api/types'
import { upload, type Chosen } from '@/api/upload'
import { show } from '@/utils/save'
import { useSession } from './session'

/** Files of mine. Names and previews are known of those handed in during this visit. */
export const useFiles = defineStore('files', () => {
  const session = useSession()
  const known = ref<Record<string, { name: string; path: string }>>({})

  async function send(chosen: Chosen, onProgress: (percent: number) => void): Promise<KeptFile> {
    await session.ensure()
    const kept = await upload(chosen, onProgress)
    known.value[kept.id] = { name: chosen.name, path: chosen.path }
    return kept
  }
  const open = async (id: string, name: string) =>
    show(await bytes('/api/files/{file_id}', { file_id: id }), known.value[id]?.name.replace(/\.\w+$/, '') ?? name)
  /** One that something refers to stays, and one that nothing refers to goes by itself after some days. */
  const drop = (id: string) => void remove('/api/files/{file_id}', { path: { file_id: id } }).catch(() => {})
  return { known, send, open, drop }
})
