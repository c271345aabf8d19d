import { computed, ref, type ComputedRef } from 'vue'

/** A long list shows this many rows at a time, so that it stays smooth however long it is. */
export const PAGE_ROWS = 40

/** Page `page` of several lists under their headings, as if they were one; headings without rows are left out. */
export function pageOf<G extends { list: unknown[] }>(groups: G[], page: number): G[] {
  let before = page * PAGE_ROWS
  let room = PAGE_ROWS
  return groups.flatMap((group) => {
    const list = group.list.slice(before, before + room)
    before = Math.max(0, before - group.list.length)
    room -= list.length
    return list.length ? [{ ...group, list }] : []
  })
}

/** The pages of what `groups` gives. A list that has become shorter shows its last page. */
export function usePages<G extends { list: unknown[] }>(groups: () => G[]) {
  const wanted = ref(0)
  const total = computed(() => groups().reduce((sum, { list }) => sum + list.length, 0))
  const pages = computed(() => Math.max(1, Math.ceil(total.value / PAGE_ROWS)))
  const page = computed(() => Math.min(wanted.value, pages.value - 1))
  const shown: ComputedRef<G[]> = computed(() => pageOf(groups(), page.value))
  function turn(to: number) {
    wanted.value = to
    uni.pageScrollTo({ scrollTop: 0, duration: 0, fail: () => {} })
  }
  return { page, pages, shown, turn }
}
