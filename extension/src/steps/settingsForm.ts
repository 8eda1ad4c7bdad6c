/**
 * A form for the settings of a step, made from the JSON Schema that Python checks them with.
 *
 * A setting that is left empty is not written. Outputs have a table; anything else that is no plain value is edited as
 * JSON. What does not fit is said beside its field.
 */

import type { TranslationBundle } from '@jupyterlab/translation';

import { problems, type IProblem, type ISchema } from '../tags/schema';
import { button, h } from '../view/elements';

interface IField {
  name: string;
  node: HTMLElement;
  told: HTMLElement;
  /** The value; undefined when it is not set. Throws a sentence when what was typed is no value at all. */
  read: () => unknown;
}

export class SettingsForm {
  readonly node: HTMLElement;

  constructor(
    private readonly schema: ISchema,
    private readonly settings: Readonly<Record<string, unknown>>,
    private readonly trans: TranslationBundle,
    private readonly changed: (valid: boolean) => void
  ) {
    this.fields = Object.entries(schema.properties ?? {}).map(([name, described]) =>
      name === 'outputs' ? this.outputs(name, described) : this.field(name, described)
    );
    this.node = h('div', { class: 'mn-settings' }, ...this.fields.map(field => field.node));
    this.node.addEventListener('input', () => this.check());
    this.node.addEventListener('change', () => this.check());
  }

  /** The settings as they stand in the form. */
  get value(): Record<string, unknown> {
    return this.gather().value;
  }

  /** Show what does not fit, and say whether all does. */
  check(): boolean {
    const { value, wrong } = this.gather();
    const found = [...wrong, ...problems(value, this.schema)];
    for (const field of this.fields) {
      const own = found.filter(({ where }) => where === field.name || where.startsWith(`${field.name}.`));
      field.told.textContent = own
        .map(({ where, text }) => (where === field.name ? text : `${where.slice(field.name.length + 1)} ${text}`))
        .join('; ');
      field.node.classList.toggle('mn-wrong', own.length > 0);
    }
    this.changed(!found.length);
    return !found.length;
  }

  private gather(): { value: Record<string, unknown>; wrong: IProblem[] } {
    // What the schema does not know is kept for the check to name it, never dropped silently.
    const known = new Set(this.fields.map(field => field.name));
    const value = Object.fromEntries(Object.entries(this.settings).filter(([name]) => !known.has(name)));
    const wrong: IProblem[] = [];
    for (const field of this.fields) {
      try {
        const given = field.read();
        if (given !== undefined) {
          value[field.name] = given;
        }
      } catch (error) {
        wrong.push({ where: field.name, text: (error as Error).message });
      }
    }
    return { value, wrong };
  }

  private field(name: string, described: ISchema): IField {
    const now = this.settings[name];
    if (described.type === 'boolean') {
      const select = this.select(['', 'true', 'false'], now === undefined ? '' : String(now), name);
      return this.row(name, described, select, () => (select.value ? select.value === 'true' : undefined));
    }
    if (described.enum?.every(value => typeof value === 'string')) {
      const select = this.select(['', ...(described.enum as string[])], now === undefined ? '' : String(now), name);
      return this.row(name, described, select, () => select.value || undefined);
    }
    if (described.type === 'number' || described.type === 'integer' || described.type === 'string') {
      const text = described.type === 'string';
      const input = this.input(now === undefined ? '' : String(now), name, text ? {} : { inputmode: 'decimal' });
      return this.row(name, described, input, () => {
        const typed = input.value.trim();
        if (!typed) {
          return undefined;
        }
        if (text) {
          return typed;
        }
        if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(typed)) {
          throw new Error(this.trans.__('must be a number, and is “%1”', typed));
        }
        return Number(typed);
      });
    }
    const area = h('textarea', { class: 'mn-input', rows: 3, 'aria-label': name, spellcheck: 'false' });
    area.value = now === undefined ? '' : JSON.stringify(now, null, 2);
    return this.row(name, described, area, () => {
      if (!area.value.trim()) {
        return undefined;
      }
      try {
        return JSON.parse(area.value);
      } catch {
        throw new Error(this.trans.__('is not valid JSON'));
      }
    });
  }

  private outputs(name: string, described: ISchema): IField {
    const one = described.additionalProperties as ISchema;
    const types = (one.properties?.type?.enum ?? []) as string[];
    const body = h('tbody');
    const rows: { node: HTMLElement; read: () => [string, Record<string, unknown>] }[] = [];
    const add = (output: string, given: Record<string, unknown>): void => {
      const named = this.input(output, this.trans.__('output'));
      const type = this.select(types, String(given.type ?? types[0]), this.trans.__('type'));
      const variable = this.input(String(given.variable ?? ''), this.trans.__('variable'), { placeholder: output });
      const sample = this.input(String(given.sample_input ?? ''), this.trans.__('sample rows'));
      const showSample = (): void => {
        sample.style.visibility = type.value === 'model' ? '' : 'hidden';
      };
      type.addEventListener('change', showSample);
      showSample();
      const remove = button('×', () => {
        rows.splice(rows.indexOf(row), 1);
        row.node.remove();
        this.check();
      });
      remove.setAttribute('aria-label', this.trans.__('Remove output %1', output));
      const row = {
        node: h('tr', {}, ...[named, type, variable, sample, remove].map(cell => h('td', {}, cell))),
        read: (): [string, Record<string, unknown>] => {
          const value: Record<string, unknown> = { ...given, type: type.value };
          for (const [key, input] of [
            ['variable', variable],
            ['sample_input', sample]
          ] as const) {
            const typed = input.value.trim();
            if (typed && (key !== 'sample_input' || type.value === 'model')) {
              value[key] = typed;
            } else {
              delete value[key];
            }
          }
          return [named.value.trim(), value];
        }
      };
      rows.push(row);
      body.append(row.node);
    };
    Object.entries((this.settings[name] ?? {}) as Record<string, Record<string, unknown>>).forEach(([output, given]) =>
      add(output, given)
    );
    const heads = [this.trans.__('name'), this.trans.__('type'), this.trans.__('variable'), this.trans.__('sample rows'), ''];
    const content = h(
      'div',
      {},
      h('table', { class: 'mn-table' }, h('thead', {}, h('tr', {}, ...heads.map(head => h('th', {}, head)))), body),
      button(this.trans.__('Add output'), () => {
        add('', {});
        (body.lastElementChild?.querySelector('input') as HTMLInputElement | null)?.focus();
      })
    );
    return this.row(name, described, content, () => {
      const read = rows.map(row => row.read());
      if (read.some(([output], i) => read.findIndex(([other]) => other === output) !== i)) {
        throw new Error(this.trans.__('has two of one name'));
      }
      return read.length ? Object.fromEntries(read) : undefined;
    });
  }

  private row(name: string, described: ISchema, control: HTMLElement, read: () => unknown): IField {
    const told = h('span', { class: 'mn-problem', role: 'alert' });
    const node = h(
      'div',
      { class: 'mn-field', 'data-setting': name },
      h('span', { class: 'mn-label' }, name),
      h('div', {}, control, h('p', { class: 'mn-faint' }, described.description ?? ''), told)
    );
    return { name, node, told, read };
  }

  private input(value: string, label: string, more: Record<string, string> = {}): HTMLInputElement {
    return h('input', { class: 'mn-input', value, 'aria-label': label, autocomplete: 'off', ...more });
  }

  private select(options: string[], value: string, label: string): HTMLSelectElement {
    const select = h(
      'select',
      { class: 'mn-input', 'aria-label': label },
      ...options.map(option => h('option', { value: option }, option || '–'))
    );
    select.value = value;
    return select;
  }

  private readonly fields: IField[];
}
