import { defineConfig } from 'vite'
import uni from '@dcloudio/vite-plugin-uni'
import { noForeignPictures } from './build/no-foreign-pictures'

export default defineConfig({ plugins: [noForeignPictures(), uni()] })
