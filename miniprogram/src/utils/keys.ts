/** A new Idempotency-Key: one for each thing that a resident does, the same for every repetition of it. */
export function newKey(): string {
  const part = () => Math.random().toString(36).slice(2, 10).padEnd(8, '0')
  return `${Date.now().toString(36)}-${part()}${part()}`
}
