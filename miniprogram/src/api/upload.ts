import { bearer, persistently } from './client'
import { apiAddress } from './config'
import { fromAnswer, fromFailure } from './errors'
import type { KeptFile } from './types'

/** A file that a resident has chosen. `blob`: in a browser, where a path alone says too little. */
export interface Chosen {
  name: string
  path: string
  size: number
  blob?: Blob
}
/** Ten megabytes over a slow network. */
const UPLOAD_TIMEOUT = 120_000

/** Hands a file in; tried again like every request: the API answers the same file with the one it keeps. */
export async function upload(chosen: Chosen, onProgress: (percent: number) => void): Promise<KeptFile> {
  return (await persistently(() => sent(chosen, onProgress), true, true)) as KeptFile
}

function sent(chosen: Chosen, onProgress: (percent: number) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const task = uni.uploadFile({
      url: `${apiAddress}/api/files`,
      name: 'file',
      filePath: chosen.path,
      // #ifdef H5
      file: chosen.blob as File | undefined,
      // #endif
      header: bearer(),
      timeout: UPLOAD_TIMEOUT,
      success: ({ statusCode, data }) => {
        const body = parsed(data)
        if (statusCode >= 200 && statusCode < 300) resolve(body)
        else reject(fromAnswer(statusCode, body))
      },
      fail: ({ errMsg }) => reject(fromFailure(errMsg ?? '')),
    }) as unknown as UniApp.UploadTask
    task?.onProgressUpdate?.(({ progress }) => onProgress(progress))
  })
}

/** What a proxy on the way answers need not be JSON. */
function parsed(data: unknown): unknown {
  if (typeof data !== 'string') return data
  try {
    return JSON.parse(data)
  } catch {
    return null
  }
}
