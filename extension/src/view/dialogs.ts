/** Ask and tell. Every question says what will happen, and a refusal shows its fact and its next act. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { ApiError } from '../api';
import { h } from './elements';

/** A dialog's body around elements, with the value that they stand for. */
export class Body<T> extends Widget implements Dialog.IBodyWidget<T> {
  constructor(
    content: Node,
    private readonly value: () => T
  ) {
    super({ node: h('div', { class: 'mn-dialog' }, content) });
  }

  getValue(): T {
    return this.value();
  }

  /** Let the dialog be accepted, or not. */
  allow(yes: boolean): void {
    const accept = this.node.closest('.jp-Dialog')?.querySelector<HTMLButtonElement>('button.jp-mod-accept');
    if (accept) {
      accept.disabled = !yes;
    }
  }
}

/** Ask for a text that `problem` finds nothing wrong with (null); what it finds is shown while the person types. */
export async function askText(
  trans: TranslationBundle,
  options: {
    title: string;
    label: string;
    value?: string;
    accept: string;
    list?: string[];
    note?: string;
    warn?: boolean;
    problem: (text: string) => string | null;
  }
): Promise<string | null> {
  const told = h('p', { class: 'mn-problem', role: 'alert' });
  const names = h('datalist', { id: 'mn-names' }, ...(options.list ?? []).map(name => h('option', { value: name })));
  const input = h('input', {
    class: 'mn-input',
    value: options.value ?? '',
    'aria-label': options.label,
    list: 'mn-names',
    autocomplete: 'off',
    spellcheck: 'false'
  });
  const content = h(
    'label',
    {},
    h('span', { class: 'mn-label' }, options.label),
    input,
    names,
    options.note ? h('p', { class: 'mn-faint' }, options.note) : null,
    told
  );
  const body = new Body(content, () => input.value.trim());
  let touched = false;
  const check = (): boolean => {
    const wrong = options.problem(input.value.trim());
    told.textContent = touched && wrong ? wrong : '';
    input.setAttribute('aria-invalid', String(Boolean(wrong) && touched));
    body.allow(!wrong);
    return !wrong;
  };
  input.addEventListener('input', () => {
    touched = true;
    check();
  });
  input.addEventListener(
    'keydown',
    event => {
      if (event.key === 'Enter' && !check()) {
        touched = true;
        check();
        event.stopPropagation();
        event.preventDefault();
      }
    },
    true
  );
  requestAnimationFrame(() => {
    check();
    input.select();
  });
  const answer = await showDialog({
    title: options.title,
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      (options.warn ? Dialog.warnButton : Dialog.okButton)({ label: options.accept })
    ],
    focusNodeSelector: 'input'
  });
  const text = answer.value ?? '';
  return answer.button.accept && options.problem(text) === null ? text : null;
}

/** Ask whether something shown should be done. */
export async function confirm(
  trans: TranslationBundle,
  options: { title: string; content: Node; accept: string; warn?: boolean }
): Promise<boolean> {
  const make = options.warn ? Dialog.warnButton : Dialog.okButton;
  const answer = await showDialog({
    title: options.title,
    body: new Body(options.content, () => true),
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), make({ label: options.accept })],
    defaultButton: 1
  });
  return answer.button.accept;
}

/** Show why something did not happen. */
export function tell(error: unknown): void {
  const text = error instanceof ApiError ? [error.message, error.hint].filter(Boolean).join(' ') : String(error);
  Notification.error(text, { autoClose: 10_000 });
}

/** Do something that may be refused, and show the refusal. */
export async function attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    tell(error);
    return undefined;
  }
}
