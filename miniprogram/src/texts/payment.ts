/** The words of the pages on paying. */
export const zhPayment = {
  list: { open: '要缴的', settled: '缴过的', empty: '没有要缴的费用。', none: '还没有缴费记录。', due: (day: string) => `请在${day}前缴`, overdue: (day: string) => `${day}已到期，请尽快缴` },
  accounts: {
    intro: '绑定水、暖、气、电、学费、卫生费的户号，账单会自动出现在“缴费”里。', kind: '缴什么费', number: '户号', numberHint: '印在缴费通知单上', holder: '户名', holderHint: '和缴费通知单上一样',
    bind: '绑定', bound: '已绑定。要缴的账单在“缴费”里。', missing: '请选好缴什么费，填好户号和户名。', mine: '已经绑定的', none: '还没有绑定户号。', unbind: '解绑', unbindAsk: '确定解绑这个户号吗？没缴的账单不再显示，缴过的记录还在。',
    yes: '确定解绑', no: '先留着', add: '绑定水、暖、气、电、学费户号',
    kinds: { water: '水费', heating: '暖气费', gas: '燃气费', electricity: '电费', tuition: '学费', sanitation: '卫生费' } as Record<string, string>,
  },
  bill: {
    amount: '要缴', paid: '已缴', what: '费用明细', times: (n: number) => `× ${n}`, due: '截止日期', at: '开单时间', paidAt: '缴费时间', number: '订单号', total: '合计', receiver: '收款用途',
    pay: (sum: string) => `微信支付 ${sum}`, paying: '正在打开微信支付…', waiting: '正在等微信支付的结果，请不要重复付款…', unknown: '还没有等到微信支付的结果。如果已经付款，请过一会儿再查，不要重复付款。',
    check: '查支付结果', cancelled: '您取消了支付，没有扣款。', failed: '没有付成功，没有扣款。请换一张银行卡或过一会儿再试。', closed: '这次支付已关闭，没有扣款。可以重新支付。', disputed: '支付结果正在核对，请不要重复付款。有疑问请拨打 12345。',
    success: '缴费成功', notOffered: '暂时不能在网上缴，请到大厅窗口缴。', refunding: (sum: string) => `正在退款 ${sum}`, refundNote: '钱会原路退回，一般 1 到 3 个工作日到账。', refunded: (sum: string) => `已退款 ${sum}`,
    surplus: '这笔多付了，会自动全额退回，不用您办手续。', cancelledBill: '这张缴费单已取消，不用缴了。', receipt: '下载电子收据', toCase: '看办理进度', toBooking: '看这次预约', back: '看全部缴费单', failedOpen: '没有打开，请再试一次。',
  },
}
