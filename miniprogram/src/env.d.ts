/// <reference types="vite/client" />
interface ImportMetaEnv {
  /** Where WeChat finds the API: "https://host", without a slash at the end. A browser asks the host of its page. */
  readonly VITE_API_URL?: string
  /** "yes": the H5 demo build, in which src/standin plays WeChat's own dialogs. */
  readonly VITE_STAND_IN?: string
}

declare module '*.vue' {
  import type { DefineComponent } from 'vue'
  const component: DefineComponent<object, object, unknown>
  export default component
}

/** What of WeChat's own functions uni-app's types do not name. */
declare const wx: {
  env: { USER_DATA_PATH: string }
  chooseMessageFile: (options: {
    count: number
    type: 'file'
    extension: string[]
    success: (answer: { tempFiles: { path: string; name: string; size: number }[] }) => void
    fail: () => void
  }) => void
}
