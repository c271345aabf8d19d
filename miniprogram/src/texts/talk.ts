/** The words of the conversation on the first page, except what the API says. */
export const zhTalk = {
  log: '和“威海办事”的对话', you: '您', us: '威海办事', earlier: '看前面的对话', waiting: '正在查找…', photos: '可以附上照片', photo: '照片',
  sendPhotos: (n: number) => `发送这 ${n} 张照片`, sentPhotos: (n: number) => `发了 ${n} 张照片`, uploading: '照片正在上传，请等一等。',
  item: {
    time: '要多久', fee: '费用', bring: '要带', materials: (n: number) => (n ? `${n} 样材料` : '不用带材料'),
    online: '怎么办', because: (words: string[]) => `按您说的${words.map((word) => `“${word}”`).join('')}找到`, feeLead: /^收费：/, guide: '看办事指南', apply: '网上申请',
  },
  confirm: {
    title: { book: '请确认预约', move: '请确认改期', cancel: '请确认取消', complain: '请确认要提交的内容' } as Record<string, string>,
    item: '事项', time: '时间', centre: '大厅', address: '地址', bring: '要带', notes: '请注意', kind: '类型', matter: '内容', place: '地点', happened: '发生时间', photos: '照片', photoCount: (n: number) => `${n} 张`,
    departments: '可能由这些单位处理', answer: '最晚答复', days: (n: number) => `${n} 个工作日内`, reminders: '点“确认”后，微信会问您要不要接收提醒。建议点“允许”。',
  },
  booking: { open: '看预约和签到码', openCancelled: '看这个预约' },
  complaint: '看处理情况',
  bill: (payee: string) => `收款：${payee}`,
  signIn: { go: '登录并继续', identity: '去实名认证' },
  person: { note: '人工客服会看到您刚才问的内容。', go: '找人工客服' },
  about: (asked: string[]) => (asked.length ? `转人工。我刚才问的是：${asked.join('；')}` : '转人工'),
}
