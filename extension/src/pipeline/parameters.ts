/** The parameters of the next run: a field for each, by its type; what differs from the notebook is marked. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { PlanParameter } from '../contract';
import { parseValue, showValue, type ITyped } from '../tags/values';
import { button, h } from '../view/elements';

export function parameterForm(
  parameters: readonly PlanParameter[],
  set: ReadonlyMap<string, unknown>,
  trans: TranslationBundle,
  change: (name: string, value: unknown) => void
): HTMLElement {
  return h(
    'div',
    { class: 'mn-parameters' },
    ...parameters.map(parameter => field(parameter, set, trans, change))
  );
}

function field(
  parameter: PlanParameter,
  set: ReadonlyMap<string, unknown>,
  trans: TranslationBundle,
  change: (name: string, value: unknown) => void
): HTMLElement {
  const { name, type } = parameter;
  const changed = set.has(name);
  const now = changed ? set.get(name) : parameter.value;
  const wrong = h('span', { class: 'mn-problem', role: 'alert' });
  const id = `mn-parameter-${name}`;
  const common = { id, 'data-key': id, 'data-parameter': name };
  const take = (typed: ITyped): void => {
    wrong.textContent = typed.wrong ? told(typed.wrong, trans) : '';
    if (!typed.wrong) {
      const same = JSON.stringify(typed.value) === JSON.stringify(parameter.known ? parameter.default : undefined);
      change(name, same && parameter.source === 'default' ? undefined : typed.value);
    }
  };
  let input: HTMLElement;
  if (type === 'bool') {
    const box: HTMLInputElement = h('input', { ...common, type: 'checkbox', change: () => take({ value: box.checked }) });
    box.checked = now === true;
    input = box;
  } else {
    const text: HTMLInputElement = h('input', {
      ...common,
      class: 'mn-input',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: parameter.known ? showValue(parameter.default, type) : parameter.expression,
      change: () => take(text.value === '' && type !== 'str' ? {} : parseValue(text.value, type, parameter.nullable))
    });
    text.value = parameter.known || changed ? showValue(now, type) : '';
    input = text;
  }
  return h(
    'div',
    { class: `mn-parameter${changed ? ' mn-changed' : ''}`, title: parameter.help },
    h('label', { for: id }, name, h('span', { class: 'mn-faint' }, ` ${type}${parameter.nullable ? '?' : ''}`)),
    h(
      'div',
      {},
      input,
      changed
        ? button('↺', () => change(name, undefined), {
            class: 'mn-small',
            'aria-label': trans.__('Back to the value of the notebook'),
            title: trans.__('Back to the value of the notebook')
          })
        : null
    ),
    wrong
  );
}

function told(wrong: NonNullable<ITyped['wrong']>, trans: TranslationBundle): string {
  switch (wrong) {
    case 'integer':
      return trans.__('A whole number.');
    case 'number':
      return trans.__('A number.');
    case 'list':
      return trans.__('A list, as JSON: [1, 2].');
    case 'object':
      return trans.__('A mapping, as JSON: {"a": 1}.');
    case 'json':
      return trans.__('A value, as JSON.');
  }
}
