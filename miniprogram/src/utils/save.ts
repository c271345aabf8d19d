/** Shows a document: in WeChat in its own viewer, in a browser as a download. Raises Error when it cannot be shown. */
type Kind = 'pdf' | 'png' | 'jpg'

/** By the first bytes; the API takes and makes no other kinds. */
export function kindOf(data: ArrayBuffer): Kind {
  const [first, second] = new Uint8Array(data)
  if (first === 0x89 && second === 0x50) return 'png'
  return first === 0xff && second === 0xd8 ? 'jpg' : 'pdf'
}

export async function show(data: ArrayBuffer, name: string): Promise<void> {
  const kind = kindOf(data)
  // #ifdef H5
  const type = kind === 'pdf' ? 'application/pdf' : `image/${kind === 'jpg' ? 'jpeg' : kind}`
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([data], { type }))
  link.download = `${name}.${kind}`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
  // #endif
  // #ifdef MP-WEIXIN
  const filePath = `${wx.env.USER_DATA_PATH}/shown.${kind}`
  await new Promise<void>((resolve, reject) =>
    uni.getFileSystemManager().writeFile({ filePath, data, success: () => resolve(), fail: reject }),
  )
  if (kind !== 'pdf') uni.previewImage({ urls: [filePath] })
  else
    await new Promise<void>((resolve, reject) =>
      uni.openDocument({ filePath, fileType: 'pdf', showMenu: true, success: () => resolve(), fail: reject }),
    )
  // #endif
}
