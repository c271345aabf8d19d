import type { Chosen } from '@/api/upload'

/** Files from the camera, the album, a chat (in a browser: from the disk). Nothing chosen: an empty list. */
export type Source = 'camera' | 'album' | 'file'
/** What the API takes (settings file_limit_mb). */
export const MOST_BYTES = 10 * 1024 * 1024
/** Photos over this are made smaller: writing on a certificate stays readable at 2000 pixels. */
const LARGE = 800 * 1024
const EDGE = 2000
const QUALITY = 80

export async function pick(source: Source, most: number): Promise<Chosen[]> {
  const chosen = source === 'file' ? await documents(most) : await photos(source, most)
  return Promise.all(chosen.map((one) => (isPhoto(one) && one.size > LARGE ? smaller(one) : one)))
}

export const isPhoto = ({ name, path }: { name: string; path: string }) => /\.(jpe?g|png)$/i.test(name || path)

const baseName = (path: string) => path.split('/').pop() ?? path

function photos(source: 'camera' | 'album', most: number): Promise<Chosen[]> {
  return new Promise((resolve) => {
    uni.chooseImage({
      count: Math.min(most, 9),
      sourceType: [source],
      // The original: made smaller here to a size at which print can be read.
      sizeType: ['original'],
      success: ({ tempFilePaths, tempFiles }) => {
        const files = tempFiles as unknown as { size: number; name?: string }[]
        resolve([tempFilePaths].flat().map((path, index) => described(path, files[index])))
      },
      fail: () => resolve([]),
    })
  })
}

function documents(most: number): Promise<Chosen[]> {
  const extension = ['.jpg', '.jpeg', '.png', '.pdf']
  return new Promise((resolve) => {
    // #ifdef MP-WEIXIN
    wx.chooseMessageFile({
      count: most,
      type: 'file',
      extension: extension.map((end) => end.slice(1)),
      success: ({ tempFiles }) => resolve(tempFiles.map(({ path, name, size }) => ({ path, name, size }))),
      fail: () => resolve([]),
    })
    // #endif
    // #ifndef MP-WEIXIN
    uni.chooseFile({
      count: most,
      extension,
      success: ({ tempFilePaths, tempFiles }) => {
        const files = tempFiles as unknown as { size: number; name?: string }[]
        resolve([tempFilePaths].flat().map((path, index) => described(path, files[index])))
      },
      fail: () => resolve([]),
    })
    // #endif
  })
}

function described(path: string, file: { size: number; name?: string } | undefined): Chosen {
  const one: Chosen = { path, name: file?.name ?? baseName(path), size: file?.size ?? 0 }
  // #ifdef H5
  if ((file as unknown) instanceof Blob) one.blob = file as unknown as Blob
  // #endif
  return one
}

/** The photo at a size that is quick to send; as it was when that fails or gains nothing. */
async function smaller(one: Chosen): Promise<Chosen> {
  // #ifdef H5
  return drawnSmaller(one).catch(() => one)
  // #endif
  // #ifndef H5
  return new Promise((resolve) => {
    uni.compressImage({
      src: one.path,
      quality: QUALITY,
      compressedWidth: EDGE,
      success: ({ tempFilePath }) => resolve({ ...one, path: tempFilePath, size: 0 }),
      fail: () => resolve(one),
    })
  })
  // #endif
}

// #ifdef H5
async function drawnSmaller(one: Chosen): Promise<Chosen> {
  if (!one.blob) return one
  const bitmap = await createImageBitmap(one.blob)
  const scale = Math.min(1, EDGE / Math.max(bitmap.width, bitmap.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(bitmap.width * scale)
  canvas.height = Math.round(bitmap.height * scale)
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', QUALITY / 100))
  if (!blob || blob.size >= one.size) return one
  const name = one.name.replace(/\.\w+$/, '.jpg')
  return { name, path: URL.createObjectURL(blob), size: blob.size, blob: new File([blob], name, { type: 'image/jpeg' }) }
}
// #endif
