/** Routes from the navigation; guards by session, by role, and by an enrolment that is still due. */
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { screens } from './navigation'
import { useSession } from './stores/session'
import { texts } from './texts'

declare module 'vue-router' {
  interface RouteMeta {
    roles?: readonly string[]
    title?: string
  }
}

function title(name: string): string {
  return (texts.screens as Record<string, string>)[name] ?? ''
}

const inside: RouteRecordRaw[] = screens.flatMap((screen) => [
  { path: screen.path, name: screen.name, component: screen.view, meta: { roles: screen.roles, title: title(screen.name) } },
  ...(screen.below ?? []).map((one) => ({
    path: one.path,
    name: one.name,
    component: one.view,
    meta: { roles: screen.roles, title: title(one.name) },
  })),
])

export const router = createRouter({
  history: createWebHistory('/console/'),
  routes: [
    { path: '/sign-in', name: 'sign-in', component: () => import('./views/SignIn.vue'), meta: { title: title('sign-in') } },
    {
      path: '/',
      component: () => import('./components/AppLayout.vue'),
      children: [
        // Which screen that is shows only once it is known who has signed in.
        { path: '', name: 'home', component: { render: () => null } },
        ...inside,
        { path: ':rest(.*)*', name: 'nowhere', component: () => import('./views/Nowhere.vue'), meta: { title: title('nowhere') } },
      ],
    },
  ],
})

/** The first screen of the navigation that this person may use. */
export function home(): string {
  const session = useSession()
  return screens.find((screen) => session.may(screen.roles))?.path ?? '/account'
}

router.beforeEach(async (to) => {
  const session = useSession()
  if (to.name === 'sign-in') return true
  const signIn = { name: 'sign-in', query: { to: to.fullPath } }
  if (!session.signedIn) return signIn
  if (session.me === null) {
    try {
      await session.load()
    } catch {
      // Ended, or out of reach: the sign-in screen says which.
      return signIn
    }
  }
  if (session.me?.enrolment_due) return signIn
  if (to.name === 'home' || (to.meta.roles && !session.may(to.meta.roles))) return home()
  return true
})

router.afterEach((to) => {
  document.title = to.meta.title ? `${to.meta.title} · ${texts.product}` : texts.product
})
