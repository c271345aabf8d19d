/** Every word that staff read, one file a subject. Sentences say what happened and what to do next. */
import { auditTexts, residentTexts, staffTexts, troubleTexts } from './administration'
import { caseTexts, fileTexts, supervisionTexts } from './cases'
import { catalogueTexts, itemWords } from './catalogue'
import { complaintTexts } from './complaints'
import { cannedTexts, followUpTexts, knowledgeTexts, learningTexts, officerTexts, statisticsTexts } from './consultation'
import { inboxTexts } from './inbox'
import { layoutTexts } from './layout'
import { paymentTexts } from './payments'
import { accountTexts, factorTexts, signInTexts } from './signIn'
import { bookingStates, todayTexts } from './today'

export const texts = {
  product: '办事工作台',
  loading: '正在加载…',
  again: '重试',
  more: '加载更多',
  save: '保存',
  goOn: '继续',
  notNow: '暂不',
  actions: '操作',
  yes: '是',
  no: '否',
  needsReason: '请填写原因。',
  unmaskReason: '查看原因',
  unmaskHint: '例如：核对申请人身份（至少 4 个字）',

  ...layoutTexts,
  signIn: signInTexts,
  factor: factorTexts,
  account: accountTexts,
  inbox: inboxTexts,
  knowledge: knowledgeTexts,
  canned: cannedTexts,
  statistics: statisticsTexts,
  followUps: followUpTexts,
  officers: officerTexts,
  learning: learningTexts,
  bookingStates,
  today: todayTexts,
  cases: caseTexts,
  files: fileTexts,
  supervision: supervisionTexts,
  complaints: complaintTexts,
  payments: paymentTexts,
  ...itemWords,
  catalogue: catalogueTexts,
  troubles: troubleTexts,
  staff: staffTexts,
  audit: auditTexts,
  residents: residentTexts,
}
