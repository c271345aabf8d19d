/** ECharts with what the statistics draw and nothing else: a chunk of its own. */
import { BarChart, LineChart } from 'echarts/charts'
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components'
import { init, use, type EChartsCoreOption } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'

use([BarChart, LineChart, AriaComponent, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer])

export { init }
export type Option = EChartsCoreOption

const FONT = "'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'WenQuanYi Micro Hei', sans-serif"
const LINE = '#e3e7ed'
const WORD = '#556070'
/** Apart in lightness too, for who does not tell colours apart. */
export const COLOURS = ['#1554ad', '#d98a1f', '#3f8a58', '#7fa4d8', '#b42318']

export interface Series {
  name: string
  values: (number | null)[]
}

/** `lines`: a course over days; otherwise bars. `across`: bars that lie. */
export function optionOf(labels: string[], series: Series[], shape: { lines?: boolean; across?: boolean; unit?: string; colours?: string[] }): Option {
  const words = { fontFamily: FONT, color: WORD }
  const categories = { type: 'category', data: labels, axisLabel: { ...words, width: 150, overflow: 'truncate' }, axisTick: { show: false }, axisLine: { lineStyle: { color: LINE } }, inverse: shape.across === true }
  const values = { type: 'value', minInterval: shape.unit ? 0 : 1, axisLabel: words, splitLine: { lineStyle: { color: LINE } } }
  return {
    animation: false,
    color: shape.colours ?? COLOURS,
    // The name of the picture is ours, its numbers are in the table.
    aria: { enabled: true, label: { enabled: false }, decal: { show: !shape.lines && series.length > 1 } },
    textStyle: { fontFamily: FONT },
    // Drawn on the canvas: HTML with style attributes is what the content security policy forbids.
    tooltip: { trigger: 'axis', renderMode: 'richText', axisPointer: { type: shape.lines ? 'line' : 'shadow' }, valueFormatter: (value: unknown) => (value === null || value === undefined ? '—' : `${String(value)}${shape.unit ?? ''}`) },
    legend: series.length > 1 ? { top: 0, right: 0, textStyle: words, itemWidth: 14, itemHeight: 10 } : undefined,
    grid: { top: series.length > 1 ? 36 : 12, right: 16, bottom: 4, left: 4, containLabel: true },
    xAxis: shape.across ? values : categories,
    yAxis: shape.across ? categories : values,
    series: series.map((one) => ({
      name: one.name,
      type: shape.lines ? 'line' : 'bar',
      data: one.values,
      barMaxWidth: 28,
      symbolSize: 7,
      lineStyle: { width: 2.5 },
      connectNulls: false,
      colorBy: series.length === 1 && shape.colours ? 'data' : 'series',
    })),
  }
}
