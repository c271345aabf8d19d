import { vi } from 'vitest'

// `uni` is there before any module is read; a test says what each function does.
vi.stubGlobal(
  'uni',
  new Proxy({} as Record<string, unknown>, {
    get: (known, name: string) => (known[name] ??= vi.fn()),
    set: (known, name: string, value) => ((known[name] = value), true),
  }),
)
