/** What this officer may do of what the case allows: the API decides again, this only leaves out what it would refuse. */
import type { Schemas } from '../../api/client'

const DECISIONS = ['grant', 'deny', 'record_result', 'correct_result']
const TASKS = ['take_task', 'release_task', 'decide_task']

export interface Who {
  staffId: string
  department: string | null
  roles: readonly string[]
}

export function openTo(who: Who, one: Schemas['StaffCase']): string[] {
  const supervises = who.roles.includes('supervisor')
  const atWindow = supervises || who.roles.includes('window_officer')
  const owns = !one.owner || one.owner === who.staffId || supervises
  const decides = who.roles.includes('approver') && who.department === one.department
  const rejected = one.tasks.some((task) => task.state === 'rejected')
  const pending = one.tasks.some((task) => ['waiting', 'open', 'taken'].includes(task.state))
  return one.actions.filter((action) => {
    if (TASKS.includes(action)) return false
    if (DECISIONS.includes(action)) return decides && (action === 'grant' ? !pending && !rejected : action === 'deny' ? !pending || rejected : true)
    return atWindow && (action === 'take' ? !one.owner : owns)
  })
}
