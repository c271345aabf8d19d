import { zh } from '@/texts/zh'

/** Fen as a person reads them: "12.30 元". */
export const yuan = (fen: number) => `${(fen / 100).toFixed(2)} ${zh.common.yuan}`
