/** The words of the page on which residents talk to the bot and to staff. */
export const zhConsultation = {
  log: '咨询内容', mine: '我', sides: { bot: '智能客服', staff: '工作人员', system: '系统' } as Record<string, string>,
  officer: (number: string) => `工作人员 ${number}`, hint: '请输入您的问题', send: '发送', image: '发图片', imageComing: '图片加载中…', imageAgain: '图片没有加载出来，点一下重试', imageOf: (who: string) => `${who}发的图片，点开查看`,
  person: '转人工', bot: '不等了，继续问智能客服', close: '结束咨询', closeAsk: '确定结束这次咨询吗？', closeNo: '继续咨询', reopen: '继续这次咨询', again: '开始新的咨询',
  place: (n: number) => (n > 1 ? `正在排队，您前面还有 ${n - 1} 位。` : '正在排队，马上轮到您。'), typing: '对方正在输入…', read: '已读',
  recall: '撤回', recallAsk: '确定撤回这条消息吗？', recalled: '消息已撤回', sending: '正在发送…', failed: '没有发出去', resend: '重试', discard: '不发了',
  earlier: '看更早的消息', later: '回到最新消息', tooLong: (most: number) => `请说得短一些，最多 ${most} 个字。`, notImage: '只能发照片（JPG 或 PNG），不超过 10 兆。',
  links: { item: '看办事指南', booking: '看预约', bill: '去缴费', case: '看办理进度', complaint: '看处理情况', sign_in: '去实名认证' } as Record<string, string>,
  form: {
    title: '留下您的问题', note: (hours: string) => `人工服务时间：${hours}。您留下的问题，上班后答复，并发消息通知您。`, question: '您的问题', questionHint: '请写清楚是什么事',
    contact: '其他联系方式（选填）', contactHint: '例如电话', submit: '提交留言', missing: '请先写您的问题。', consent: '点“提交留言”后，微信会问您要不要接收答复提醒。', left: (question: string) => `您的留言：${question}`,
  },
  rating: {
    title: '请您评价这次服务', note: '评价对工作人员保密，不评价也可以。', levels: [
      ['very_satisfied', '非常满意'], ['satisfied', '满意'], ['fair', '基本满意'], ['dissatisfied', '不满意'], ['very_dissatisfied', '非常不满意'],
    ] as [string, string][], level: '满意程度', tags: '哪方面（选填，可多选）', words: '还想说的（选填）', submit: '提交评价', thanks: '谢谢您的评价。',
  },
  closed: '这次咨询已经结束。', language: '人工服务用哪种语言', consent: '点“转人工”后，微信会问您要不要接收答复提醒。',
  list: {
    title: '以前的咨询', empty: '您还没有咨询过。', plain: '咨询', start: '开始咨询', states: {
      bot: '进行中', queued: '排队中', with_staff: '人工服务中', off_hours: '进行中', deferred: '留言待答复', closed: '已结束',
    } as Record<string, string>,
  },
}
