/** The words of the pages on applications and their progress. */
export const zhCase = {
  apply: {
    limit: (n: number) => (n ? `承诺 ${n} 个工作日内办好` : '承诺当场办好'),
    identityFirst: '网上申请要先做实名认证，只认证一次，以后不用再填姓名和身份证号。', toIdentity: '去实名认证',
    notOnline: '这件事不能在网上申请，请预约到大厅办理。', toBooking: '去预约',
    known: '这些已经知道，不用再填', from: (source: string) => `来自您的${source}`, reask: (what: string) => `修改${what}`,
    form: '请填写', optional: '选填', materials: '请上传材料', noMaterials: '这件事不用上传材料。', delivery: '怎么拿结果',
    hall: '到哪个大厅领取', address: '收件地址', addressHint: '省、市、区、街道、门牌号和收件人', choose: '请选择', many: '可以选多项', chooseDate: '选择日期',
    count: (n: number, most: number) => `${n}／${most} 字`,
    toMend: (n: number) => `有 ${n} 处需要填写或修改`, submit: '提交申请', submitting: '正在提交…',
    consent: '点“提交申请”后，微信会问您要不要接收办理提醒。建议点“允许”，需要补材料时会马上通知您。',
    discard: '不申请了，删除草稿', discardAsk: '确定删除这份草稿吗？填写的内容和上传的材料都会删除。', discardYes: '确定删除', discardNo: '先留着',
  },
  forWhom: {
    title: '为谁申请', self: '为自己', other: '替别人办', whose: '请填写申请人（您替谁办）', name: '申请人姓名', id_number: '申请人身份证号码', phone: '申请人手机号', relation: '您是申请人的',
    relations: ['子女', '配偶', '父母', '其他亲友', '单位经办人', '受托代理人'], authorisation: '授权委托书', authorisationNote: '写明谁委托谁、办什么事，双方签名，拍照上传。您本人的信息取自实名认证，不用再填。',
    sealed: '申请人的信息已加密保存，页面上不再显示。', rename: '重新填写申请人', selfAsk: '改为自己申请，要重新填写这份草稿。确定吗？', selfYes: '重新填写', selfNo: '不改',
    lacking: { name: '请填写申请人姓名。', id_number: '请填写申请人身份证号码。', phone: '请填写申请人手机号。', relation: '请选择您和申请人的关系。' },
  },
  saving: {
    new: '填写的内容会自动保存。', saving: '正在保存…', saved: '已自动保存，可以随时退出，下次接着填。',
    unsent: '还没有保存到网上，先存在这部手机里。', unsentRetry: '现在保存', partly: '标红的几处改好后才能保存。',
  },
  material: {
    reused: (source: string) => `已有，不用再交（来自${source}）`, declared: '填好上面的表就行，不用上传。', given: '已上传',
    missing: '还没有上传', depends: '看情况', replace: '也可以上传新的', seen: '窗口已核对原件',
    classes: {
      A: '政府发的证件，请拍照上传。以前办事交过的不用再交。',
      B: '交过并核对过一次的，以后不用再交。',
      C: '请您自己准备，拍照上传。原件请留好，领结果时可能要看。',
      D: '填写上面的表就行，不用上传。',
    } as Record<string, string>,
  },
  receipt: {
    done: '申请已提交', keep: '请记好办件编号和查询码。不用登录，凭它们也能查进度。', number: '办件编号', code: '查询码', copy: '复制编号和查询码',
    copied: '已复制', copyText: (number: string, code: string) => `办件编号：${number}　查询码：${code}`, submitted: '提交时间',
    acceptedBy: '最晚什么时候告诉您是否受理', decidedBy: '受理后最晚什么时候办好', promised: '承诺时限', legal: '法律规定最长',
    workingDays: (n: number) => (n ? `${n} 个工作日` : '当场办好'),
    progress: '看办理进度', reminders: '办理结果和需要补的材料，会在微信里提醒您。', noReminders: '您没有打开微信提醒。消息仍会放在“我的消息”里，也可以随时来看进度。',
  },
  list: {
    empty: '您还没有申请过。可以先看办事指南，再点“网上申请”。', start: '找要办的事', lookUp: '不登录，凭编号查进度', drafts: '还没有提交的草稿', running: '正在办的', over: '办完的',
    draftNote: (day: string) => `${day}保存，点这里接着填`, holder: (name: string) => `现在由${name}办理`, yours: '等您处理',
  },
  progress: {
    number: '办件编号', now: '现在由谁办', until: '最晚到哪天', acceptUntil: (day: string) => `${day}前告诉您是否受理`, decideUntil: (day: string) => `${day}前办好`, supplementUntil: (day: string) => `请您在${day}前补齐`,
    clock: '办理时限', used: (used: number, limit: number) => `共 ${limit} 个工作日，已用 ${used} 天`, left: (n: number) => `还剩 ${n} 天`,
    over: (n: number) => `超过 ${n} 天`, provisional: '节假日安排公布后，日期可能有变化。', lastDay: '今天是最后一天', onTheSpot: '当场办理',
    colours: { green: '时间充裕', yellow: '快到期了', red: '已经超时' } as Record<string, string>, paused: '暂停计时', stopped: '计时结束', history: '办理经过',
    notYet: '还没有记录。',
  },
  detail: {
    asked: '请您补充材料', supplement: '现在去补充', pay: (sum: string) => `去缴费 ${sum}`, billDue: '有一笔费用待缴，缴清后才能领取结果。', materials: '交过的材料',
    answers: '我填写的内容', showAnswers: '看我填写的内容', noAnswers: '这次申请没有要填写的内容。',
    states: { missing: '没有交', provided: '已交', original_seen: '已核对原件', reused: '沿用以前的' } as Record<string, string>,
    opinion: '办理意见', result: '办理结果', resultNumber: (number: string) => `文号：${number}`, download: '查看电子结果', handover: '送达方式', tracking: (number: string) => `邮政单号：${number}`,
    receive: '我已收到结果', received: '谢谢，这件事已办结。', withdraw: '撤回申请', withdrawAsk: '确定撤回这个申请吗？撤回后要办需要重新申请。', withdrawYes: '确定撤回', withdrawNo: '先不撤回',
    withdrawn: '已撤回。', receipt: '看申请回执', guide: '看办事指南', again: '再提一次申请', resultName: '办理结果', failed: '没有打开，请再试一次。',
  },
  supplement: {
    list: '要补的一共这些，补一次就好', until: (day: string) => `请在${day}前补齐`, why: '说明', second: '为什么要再补一次', paused: '您补充期间，办理时限暂停计算。',
    upload: '请上传补充的材料', other: '要补别的材料？', otherNote: '新上传的会代替以前交的这份。', submit: '提交补充材料', nothing: '请先上传要补的材料，或填好要改的内容，再提交。',
    left: (names: string) => `还没有上传：${names}。提交后不能再在网上补交，除非窗口再次告知；没交的可以带到窗口。确定只交这些吗？`, leftYes: '只交这些', leftNo: '接着上传', done: '补充材料已提交。', notAsked: '现在不需要补充材料。', answers: '请改填写的内容', answersNote: '下面是您原来填写的，只改要改的，其余保持原样。', otherAnswers: '要改填写的内容？', waiting: '有文件正在上传，请等一等再提交。',
  },
  lookUp: {
    intro: '凭回执上的编号和查询码，不用登录就能查。', number: '办件编号', numberHint: '例如 WH20261124-04817263', code: '查询码', codeHint: '写在回执上', last: '申请人身份证号码后四位',
    lastHint: '最后一位可能是 X', look: '查进度', missing: '请把三项都填好。', again: '查另一件',
  },
}
