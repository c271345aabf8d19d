import type { Plugin } from 'vite'

/** No page may load anything from another host: the H5 runtime's navigation shadows come from a CDN and are dropped. */
export function noForeignPictures(): Plugin {
  return {
    name: 'no-foreign-pictures',
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === 'asset' && file.fileName.endsWith('.css') && typeof file.source === 'string')
          file.source = file.source.replace(/url\(["']?https:\/\/cdn\.dcloud\.net\.cn[^)]*\)/g, 'none')
      }
    },
  }
}
