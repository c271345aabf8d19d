/**
 * Every screen: its address, who it is for, its place in the side navigation, and the chunk that holds it.
 *
 * A new screen is one entry here and its texts in texts/. Entries keep this order: first what people do all day
 * (inbox, queue, today, cases), then what they write (catalogue, knowledge), then what they look into (statistics,
 * complaints, payments), then administration.
 */
import { Bell, Calendar, ChatDotRound, ChatLineSquare, Collection, DataLine, Document, Files, Headset, Key, MagicStick, Money, PhoneFilled, Postcard, Promotion, Tickets, User, WarningFilled } from '@element-plus/icons-vue'
import type { Component } from 'vue'

export type Group = 'work' | 'content' | 'insight' | 'system'

export interface Screen {
  name: string
  path: string
  group: Group
  icon: Component
  /** None: everybody who is signed in. */
  roles: readonly string[]
  view: () => Promise<unknown>
  /** Screens reached from this one, which the navigation does not list. */
  below?: readonly { name: string; path: string; view: () => Promise<unknown> }[]
}

export const screens: readonly Screen[] = [
  {
    name: 'inbox',
    path: '/inbox',
    group: 'work',
    icon: ChatDotRound,
    roles: ['agent', 'supervisor'],
    view: () => import('./views/Inbox.vue'),
  },
  {
    name: 'today',
    path: '/today',
    group: 'work',
    icon: Calendar,
    roles: ['window_officer', 'supervisor', 'administrator'],
    view: () => import('./views/Today.vue'),
  },
  {
    name: 'cases',
    path: '/cases',
    group: 'work',
    icon: Files,
    roles: ['window_officer', 'approver', 'supervisor'],
    view: () => import('./views/CaseQueue.vue'),
    below: [
      { name: 'case-apply', path: '/cases/apply', view: () => import('./views/CaseApply.vue') },
      { name: 'case', path: '/cases/:id', view: () => import('./views/CasePage.vue') },
    ],
  },
  {
    name: 'residents',
    path: '/residents',
    group: 'work',
    icon: Postcard,
    roles: ['window_officer', 'supervisor'],
    view: () => import('./views/Residents.vue'),
  },
  {
    name: 'catalogue',
    path: '/catalogue',
    group: 'content',
    icon: Document,
    roles: ['catalogue_editor'],
    view: () => import('./views/CatalogueList.vue'),
    below: [{ name: 'catalogue-item', path: '/catalogue/:code', view: () => import('./views/CatalogueItem.vue') }],
  },
  {
    name: 'complaints',
    path: '/complaints',
    group: 'work',
    icon: ChatLineSquare,
    roles: ['agent', 'approver', 'supervisor'],
    view: () => import('./views/Complaints.vue'),
    below: [{ name: 'complaint', path: '/complaints/:id', view: () => import('./views/ComplaintPage.vue') }],
  },
  {
    name: 'knowledge',
    path: '/knowledge',
    group: 'content',
    icon: Collection,
    roles: ['agent', 'supervisor', 'catalogue_editor'],
    view: () => import('./views/KnowledgeList.vue'),
    below: [{ name: 'knowledge-entry', path: '/knowledge/:id', view: () => import('./views/KnowledgeEntry.vue') }],
  },
  {
    name: 'canned-answers',
    path: '/canned-answers',
    group: 'content',
    icon: Promotion,
    roles: ['agent', 'supervisor', 'catalogue_editor'],
    view: () => import('./views/CannedAnswers.vue'),
  },
  {
    name: 'learning',
    path: '/learning',
    group: 'content',
    icon: MagicStick,
    roles: ['supervisor', 'catalogue_editor'],
    view: () => import('./views/LearningProposals.vue'),
  },
  {
    name: 'statistics',
    path: '/statistics',
    group: 'insight',
    icon: DataLine,
    roles: ['supervisor', 'auditor'],
    view: () => import('./views/Statistics.vue'),
  },
  {
    name: 'follow-ups',
    path: '/follow-ups',
    group: 'insight',
    icon: PhoneFilled,
    roles: ['supervisor'],
    view: () => import('./views/FollowUps.vue'),
  },
  {
    name: 'officers',
    path: '/officers',
    group: 'insight',
    icon: Headset,
    roles: ['supervisor'],
    view: () => import('./views/Officers.vue'),
  },
  {
    name: 'supervision',
    path: '/supervision',
    group: 'insight',
    icon: Bell,
    roles: ['supervisor', 'auditor'],
    view: () => import('./views/Supervision.vue'),
  },
  {
    name: 'payments',
    path: '/payments',
    group: 'insight',
    icon: Money,
    roles: ['supervisor', 'administrator', 'auditor'],
    view: () => import('./views/Payments.vue'),
    below: [{ name: 'bill', path: '/payments/bills/:id', view: () => import('./views/BillPage.vue') }],
  },
  {
    name: 'troubles',
    path: '/troubles',
    group: 'system',
    icon: WarningFilled,
    roles: ['supervisor', 'administrator'],
    view: () => import('./views/Troubles.vue'),
  },
  {
    name: 'staff',
    path: '/staff',
    group: 'system',
    icon: User,
    roles: ['administrator'],
    view: () => import('./views/Staff.vue'),
  },
  {
    name: 'audit',
    path: '/audit',
    group: 'system',
    icon: Tickets,
    roles: ['auditor'],
    view: () => import('./views/Audit.vue'),
  },
  {
    name: 'account',
    path: '/account',
    group: 'system',
    icon: Key,
    roles: [],
    view: () => import('./views/Account.vue'),
  },
]
