import { computed, reactive, ref, watch } from 'vue'
import { defineStore } from 'pinia'
import { get, post, put, remove } from '@/api/client'
import { ApiError, sentence } from '@/api/errors'
import { onResume } from '@/api/socket'
import type { Application, Centre, ItemView, Receipt } from '@/api/types'
import { asked, faultsOf, needed, typed, type Answer, type Answers, type Fault } from '@/utils/form'
import { zhCase } from '@/texts/case'
import { zh } from '@/texts/zh'
import { newKey } from '@/utils/keys'
import { useItems } from './items'
import { useSession } from './session'

/** For whom somebody else applies; `relation`: of the one who applies to them. */
export type Principal = Record<'name' | 'id_number' | 'phone' | 'relation', string>
/** What the resident has filled in; the API gets all of it each time. */
interface Filled {
  answers: Answers
  materials: Record<string, string[]>
  delivery: string
  address: string
  /** The hall whose window hands the result out. */
  centre: string
  forOther: boolean
  principal: Principal
  authorisation: string[]
}
/** "unsent": on this phone only, and sent as soon as the city can be reached. */
export type Saving = 'new' | 'saving' | 'saved' | 'unsent'

/** Of all items, on this phone: what the API does not have yet. Gone as soon as it has. */
export const UNSENT = 'drafts'
const SOON = 400
const LATER = 2500
const nobody = (): Principal => ({ name: '', id_number: '', phone: '', relation: '' })
const empty = (): Filled => ({
  answers: {}, materials: {}, delivery: '', address: '', centre: '', forOther: false, principal: nobody(), authorisation: [],
})

/** One application while it is being filled in: kept on the phone at once, at the API a moment later. */
export const useDraft = defineStore('draft', () => {
  const session = useSession()
  const items = useItems()
  const application = ref<Application | null>(null)
  const item = ref<ItemView | null>(null)
  const centres = ref<Centre[]>([])
  const filled = reactive<Filled>(empty())
  const saving = ref<Saving>('new')
  const problem = ref('')
  const faults = ref<Record<string, string>>({})
  /** Answers that the API does not take as they are: not sent again before they change. */
  const refused = ref<string[]>([])
  let code = ''
  let dirty = false
  let key = newKey()
  let running: Promise<boolean> | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  /** Which principal the API keeps sealed; it does not tell them again. */
  const sealed = ref(false)
  /** Of an application for somebody else only that person's data are known, not those of the one who applies. */
  const prefilled = computed<Application['prefilled']>(() => (filled.forOther ? [] : application.value?.prefilled ?? []))
  /** An answer of an earlier case stands until another is given; what the profile says is fixed. */
  const known = computed(
    () => new Set(prefilled.value.filter((p) => p.answer === null || !(p.field in filled.answers)).map((p) => p.field)),
  )
  const standing = computed<Answers>(() => ({
    ...Object.fromEntries(prefilled.value.map(({ field, answer }) => [field, answer as Answer])),
    ...filled.answers,
  }))
  const questions = computed(() =>
    asked(application.value?.form ?? [], standing.value).filter(
      (question) => !known.value.has(question.name) && !(filled.forOther && question.known),
    ),
  )
  const named = computed(() => Object.values(filled.principal).every((value) => value.trim()))
  const materials = computed(() => needed(item.value?.content.materials ?? [], standing.value))

  /**
   * Raises ApiError. What this phone kept unsent comes over what the API has. The form of the same item stays while it is
   * read again: a camera or a look away must not take it, and the files on their way, from the page.
   */
  async function open(wanted: string) {
    const again = code === wanted && application.value !== null
    if (code === wanted && dirty) return
    if (!again) application.value = null
    code = wanted
    const before = key
    await session.load()
    const [read, guide] = await Promise.all([
      get('/api/items/{code}/application', { path: { code } }),
      // The API sends this answer ready-made, so its description does not type it.
      get('/api/items/{code}', { path: { code } }) as Promise<ItemView>,
    ])
    centres.value = await halls(read)
    // Filled in meanwhile: newer than what was read.
    if (code !== wanted || (again && key !== before)) return
    const kept = unsent()[code]
    const draft = read.draft
    const sent: Filled = {
      answers: typed(read.form, draft?.answers ?? {}),
      materials: filesOf(read),
      delivery: draft?.delivery ?? read.delivery[0] ?? '',
      address: draft?.address ?? '',
      centre: draft?.centre || (centres.value[0]?.code ?? ''),
      forOther: draft?.for_somebody_else ?? false,
      principal: nobody(),
      authorisation: draft?.authorisation ?? [],
    }
    Object.assign(filled, empty(), kept ?? sent)
    sealed.value = draft?.for_somebody_else ?? false
    item.value = guide
    application.value = read
    faults.value = {}
    refused.value = []
    saving.value = draft ? 'saved' : 'new'
    if (kept) change(SOON)
  }

  /** Where it can be picked up; an item of no hall's own counters, at all of them (全城通办). */
  async function halls(read: Application): Promise<Centre[]> {
    if (!read.delivery.includes('window')) return []
    const own = await items.centresFor(code)
    return own.length ? own : items.centres()
  }
  function answer(name: string, value: Answer, wait = LATER) {
    filled.answers[name] = value
    forgive(name)
    change(wait)
  }
  /** A known answer is to be another: asked again, with the one that stands. */
  function reask(name: string) {
    answer(name, standing.value[name] ?? '')
  }
  function attach(name: string, files: string[]) {
    filled.materials = { ...filled.materials, [name]: files }
    forgive(`materials.${name}`)
    change(SOON)
  }
  function deliver(way: string, address: string) {
    Object.assign(filled, { delivery: way, address })
    forgive('delivery')
    forgive('address')
    change(LATER)
  }
  function pickUpAt(centre: string) {
    filled.centre = centre
    change(LATER)
  }
  /** For somebody else. Back to oneself the draft begins anew: the API keeps a principal as long as the draft. */
  async function forWhom(other: boolean) {
    if (other === filled.forOther) return
    if (!other && sealed.value) {
      const wanted = code
      await discard(wanted)
      return open(wanted)
    }
    filled.forOther = other
    faults.value = {}
    change(LATER)
  }
  function name(part: keyof Principal, value: string) {
    filled.principal[part] = value
    forgive(`principal.${part}`)
    refused.value = refused.value.filter((field) => !field.startsWith('principal.'))
    change(LATER)
  }
  function authorise(files: string[]) {
    filled.authorisation = files
    forgive('authorisation')
    change(SOON)
  }
  /** Another principal than the one that is sealed. */
  const rename = () => void (sealed.value = false)
  function forgive(field: string) {
    refused.value = refused.value.filter((name) => name !== field)
    const { [field]: _, ...others } = faults.value
    faults.value = others
  }
  function blame(found: Fault[]) {
    faults.value = { ...faults.value, ...Object.fromEntries(found.map(({ field, reason }) => [field, reason])) }
  }

  function change(wait: number) {
    dirty = true
    key = newKey()
    if (saving.value !== 'saving') saving.value = 'unsent'
    keep()
    clearTimeout(timer)
    timer = setTimeout(() => void flush(), wait)
  }
  /** Everything to the API now; false: it stays on the phone for a while. */
  function flush(): Promise<boolean> {
    clearTimeout(timer)
    running ??= send().finally(() => (running = null))
    return running
  }
  async function send(): Promise<boolean> {
    while (dirty) {
      dirty = false
      saving.value = 'saving'
      problem.value = ''
      try {
        const sent = body()
        await put('/api/items/{code}/draft', { path: { code }, body: sent as never })
        saving.value = 'saved'
        if ('principal' in sent) sealed.value = true
      } catch (error) {
        dirty = true
        const found = [...faultsOf(error), ...ofPrincipal(error)].filter(({ field }) => !refused.value.includes(field))
        blame(found)
        refused.value = [...refused.value, ...found.map(({ field }) => field)]
        if (found.length) continue
        saving.value = 'unsent'
        problem.value = sentence(error)
        return false
      }
    }
    keep()
    return true
  }
  /** A question that is not asked any more keeps its answer on the phone, not at the API. */
  function body() {
    const names = questions.value.map(({ name }) => name).filter((name) => !refused.value.includes(name))
    const files = Object.entries(filled.materials).filter(([name]) => !refused.value.includes(`materials.${name}`))
    return {
      answers: Object.fromEntries(names.map((name) => [name, filled.answers[name] ?? null])),
      materials: Object.fromEntries(files),
      ...(filled.delivery ? { delivery: filled.delivery } : {}),
      ...(filled.delivery === 'window' && filled.centre ? { centre: filled.centre } : {}),
      ...(filled.delivery === 'post' && filled.address ? { address: filled.address } : {}),
      ...(filled.forOther ? { authorisation: filled.authorisation } : {}),
      ...(filled.forOther && named.value && !refused.value.some((field) => field.startsWith('principal.'))
        ? { principal: { ...filled.principal } }
        : {}),
    }
  }

  /** Raises ApiError; faults are then at their fields. A repetition of the same content has the same key. */
  async function submit(): Promise<Receipt> {
    if (saving.value === 'new') dirty = true
    const lacking = filled.forOther && !sealed.value ? PARTS.filter((part) => !filled.principal[part].trim()) : []
    if (lacking.length) {
      blame(lacking.map((part) => ({ field: `principal.${part}`, reason: zhCase.forWhom.lacking[part] })))
      throw new ApiError('INVALID_INPUT', zh.errors.mend)
    }
    if (!(await flush())) throw new ApiError('OFFLINE', problem.value)
    if (refused.value.length) throw new ApiError('INVALID_INPUT', zh.errors.mend)
    try {
      const receipt = await post('/api/items/{code}/draft/submit', { path: { code }, key })
      forget()
      return receipt
    } catch (error) {
      blame(faultsOf(error))
      if (!(error instanceof ApiError && error.passing)) key = newKey()
      throw error
    }
  }
  async function discard(wanted: string) {
    await remove('/api/items/{code}/draft', { path: { code: wanted } })
    if (wanted === code) forget()
    else drop(wanted)
  }
  function forget() {
    clearTimeout(timer)
    drop(code)
    dirty = false
    code = ''
    application.value = null
    saving.value = 'new'
  }

  function unsent(): Record<string, Filled> {
    return { ...((uni.getStorageSync(UNSENT) || {}) as Record<string, Filled>) }
  }
  function keep() {
    const all = unsent()
    if (dirty || refused.value.length) all[code] = JSON.parse(JSON.stringify(filled)) as Filled
    else delete all[code]
    uni.setStorageSync(UNSENT, all)
  }
  function drop(which: string) {
    const all = unsent()
    delete all[which]
    uni.setStorageSync(UNSENT, all)
  }
  const again = () => void (dirty && saving.value === 'unsent' && flush())
  watch(
    () => session.online,
    (online) => void (online && again()),
  )
  onResume(again)
  return {
    application, item, centres, filled, saving, problem, faults, refused, prefilled, known, standing, questions, materials, sealed, open, answer,
    reask, attach, deliver, pickUpAt, forWhom, name, authorise, rename, flush, submit, discard,
  }
})

const PARTS: (keyof Principal)[] = ['name', 'id_number', 'phone', 'relation']
/** A wrong name, number or phone of the principal is told as one field: "$.principal.id_number". */
function ofPrincipal(error: unknown): Fault[] {
  const field = (error instanceof ApiError && String(error.fields.field ?? '')) || ''
  return field.startsWith('$.principal.') ? [{ field: field.slice(2), reason: sentence(error) }] : []
}

function filesOf(read: Application): Record<string, string[]> {
  const own = read.draft?.materials.filter(({ state }) => state !== 'reused') ?? []
  return Object.fromEntries(own.filter(({ files }) => files.length).map(({ name, files }) => [name, files]))
}
