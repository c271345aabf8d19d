import { expect, test } from 'vitest'
import type { Question } from '../src/api/types'
import { asked, faultsOf, holds, typed } from '../src/utils/form'

const question = (name: string, type: Question['type'], when: Question['when'] = null): Question => ({
  name, label: name, type, required: true, options: [], minimum: null, maximum: null, max_length: 200, hint: '', when, known: null,
})

test('a question is asked when the answer before says so', () => {
  const form = [question('food', 'yes_no'), question('kitchen', 'text', { field: 'food', is_one_of: ['yes'] })]
  expect(asked(form, { food: true }).map(({ name }) => name)).toEqual(['food', 'kitchen'])
  expect(asked(form, { food: false, kitchen: 'x' }).map(({ name }) => name)).toEqual(['food'])
})
test('an answer to a question that is not asked fulfils no condition', () => {
  const form = [
    question('a', 'yes_no'),
    question('b', 'choice', { field: 'a', is_one_of: ['yes'] }),
    question('c', 'text', { field: 'b', is_one_of: ['one'] }),
  ]
  expect(asked(form, { a: false, b: 'one' }).map(({ name }) => name)).toEqual(['a'])
  expect(holds({ field: 'b', is_one_of: ['one'] }, { b: ['two', 'one'] })).toBe(true)
})
test('kept money is shown in yuan, and a kept number as text', () => {
  expect(typed([question('m', 'money'), question('n', 'number')], { m: 12850, n: 120 })).toEqual({ m: '128.50', n: '120' })
})
test('an error that tells no faults has none', () => {
  expect(faultsOf(new Error('x'))).toEqual([])
  expect(faultsOf({ fields: { faults: [{ field: 'a', reason: 'b' }] } })).toHaveLength(1)
})
