/** The words of the pages on complaints, requests and questions. */
export const zhComplaint = {
  kinds: { complaint: '投诉举报', request: '求助建议', consult: '咨询政策' } as Record<string, string>,
  list: { start: '反映新的问题', empty: '您还没有反映过问题。', running: '正在处理', over: '处理完的', due: (day: string) => `${day}前答复` },
  new: {
    kind: '您要反映的是', matter: '请说说事情经过', matterHint: '什么事、涉及哪个单位、希望怎么解决', place: '在哪里（选填）', placeHint: '例如：环翠区新威路 1 号门前',
    choosePlace: '在地图上选', when: '什么时候发生的（选填）', whenHint: '例如：昨天晚上八点', photos: '照片（选填，最多 9 张）', callback: '可以打电话联系我', callbackNote: '电话用您绑定的手机号，处理单位看不到您是谁。',
    noPhone: '您还没有绑定手机号，绑定后才能接到电话。', shield: '您的姓名和电话不会告诉被反映的单位。', kept: '写的内容会存在这部手机里，没写完可以下次接着写。', submit: '提交', missing: '请先写事情经过。', waiting: '有照片正在上传，请等一等再提交。',
    consent: '点“提交”后，微信会问您要不要接收答复提醒。', count: (n: number, most: number) => `${n}／${most} 字`,
  },
  detail: {
    filed: '已提交', number: '编号', due: '最晚答复', dueDay: (day: string, days: number) => `${day}（${days} 个工作日内）`, provisional: '节假日安排公布后，日期可能有变化。', answer: '答复', noAnswer: '还没有答复。', matter: '您反映的问题',
    place: '地点', happened: '时间', photos: '照片', photo: (n: number) => `照片 ${n}`, department: '承办单位', history: '处理经过', close: '满意，办结', closeAsk: '确定办结吗？办结后不再处理。', closeYes: '办结', closeNo: '先不办结',
    closes: (day: string) => `没有意见的，${day}自动办结。`, object: '不满意，请再处理', objectAsk: '请说说哪里没有解决', objectHint: '例如：路灯修好两天又灭了', objectOnce: '只能提一次，会重新处理并答复您。', objectSend: '提交意见', objectNot: '先不提', objectMissing: '请先写哪里没有解决。', objected: '已重新处理，会再次答复您。',
    objection: '您的意见', firstAnswer: '第一次答复', closed: '已办结，谢谢您。', merged: '已和同一件事合并办理，答复会一样发给您。', copy: '复制编号', copied: '已复制', list: '看我反映的全部问题', again: '再反映一个问题',
  },
}
