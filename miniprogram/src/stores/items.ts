import { ref } from 'vue'
import { defineStore } from 'pinia'
import { get } from '@/api/client'
import type { Centre, Directory, ItemSummary, ItemView } from '@/api/types'
import type { Place } from '@/utils/wechat'

export const PAGE = 20
export type By = 'life_event' | 'field' | 'department' | 'centre' | 'words'

/** The open catalogue. What was read stays for this visit: guides are read again and again between pages. */
export const useItems = defineStore('items', () => {
  const guides = ref<Record<string, ItemView>>({})
  const directory = ref<Directory | null>(null)

  async function guide(code: string): Promise<ItemView> {
    // The API sends this answer ready-made, so its description does not type it (handlers/routing.py, Raw).
    const item = (await get('/api/items/{code}', { path: { code } })) as ItemView
    guides.value[code] = item
    return item
  }
  async function loadDirectory() {
    directory.value ??= await get('/api/directory')
    return directory.value
  }
  /** One page of the items under a heading, or that hold the words. */
  async function list(by: By, key: string, page: number): Promise<{ total: number; items: ItemSummary[] }> {
    return get('/api/items', { query: { [by]: key || undefined, offset: page * PAGE, limit: PAGE } as never })
  }
  async function suggest(words: string): Promise<ItemSummary[]> {
    return (await get('/api/items', { query: { words, limit: 8 } as never })).items
  }
  async function centresFor(code: string, place?: Place): Promise<Centre[]> {
    const query = place as never
    return (await get('/api/items/{code}/centres', { path: { code }, query })).centres
  }
  async function centres(): Promise<Centre[]> {
    return (await get('/api/centres', {})).centres
  }
  return { guides, directory, guide, loadDirectory, list, suggest, centresFor, centres }
})
