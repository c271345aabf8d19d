/** A long list shows this many rows at most, so that it stays smooth however long it is. */
export const MOST_ROWS = 60
/** How far one step back goes: part of what was on the screen stays. */
const STEP = 40

/** Which rows of `total` to show: [from, to). `end`: the row behind the last one wanted; the newest when it is over. */
export function rows(total: number, end: number): [number, number] {
  const to = Math.min(total, Math.max(end, Math.min(total, MOST_ROWS)))
  return [Math.max(0, to - MOST_ROWS), to]
}

/** The `end` that shows earlier rows. */
export const earlier = (total: number, end: number): number => Math.max(Math.min(total, MOST_ROWS), Math.min(end, total) - STEP)
