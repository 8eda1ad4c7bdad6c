/** The list of runs: searched on the server, chosen here. */

import { ApiError } from '../api';
import type { RunSummary } from '../contract';
import { moment, plain, seconds } from '../model/format';
import { button, h, refill } from '../view/elements';
import { statusWord } from '../view/words';
import type { IView } from './browser';

const PAGE = 50;
const STATUSES = ['running', 'succeeded', 'failed', 'cancelled', 'paused', 'died'];

export class RunList {
  constructor(private readonly view: IView) {
    const { trans } = view;
    this.where = h('input', {
      class: 'mn-input mn-where',
      'aria-label': trans.__('Condition'),
      placeholder: trans.__('such as mae < 1.2'),
      title: trans.__('A condition: mae < 1.2 and params.alpha = 10'),
      autocomplete: 'off',
      spellcheck: 'false',
      keydown: (event: KeyboardEvent) => event.key === 'Enter' && void this.search()
    });
    this.pipeline = h('input', {
      class: 'mn-input',
      'aria-label': trans.__('Pipeline'),
      placeholder: trans.__('any pipeline'),
      autocomplete: 'off',
      keydown: (event: KeyboardEvent) => event.key === 'Enter' && void this.search()
    });
    this.status = h(
      'select',
      { class: 'mn-input', 'aria-label': trans.__('Status'), change: () => void this.search() },
      h('option', { value: '' }, trans.__('any status')),
      ...STATUSES.map(status => h('option', { value: status }, statusWord(trans, status)))
    );
    this.node = h(
      'div',
      {},
      h(
        'form',
        {
          class: 'mn-search',
          role: 'search',
          submit: (event: Event) => {
            event.preventDefault();
            void this.search();
          }
        },
        this.where,
        this.pipeline,
        this.status,
        button(trans.__('Search'), () => this.search()),
        this.compare
      ),
      this.told,
      this.table,
      this.more
    );
  }

  /** Bring the list up to date, and return it. */
  async open(): Promise<Node> {
    await this.search();
    return this.node;
  }

  private async search(offset = 0): Promise<void> {
    this.told.textContent = '';
    try {
      const page = await this.view.api.runs({
        path: this.view.path,
        where: this.where.value.trim(),
        pipeline: this.pipeline.value.trim(),
        status: this.status.value,
        limit: PAGE,
        offset
      });
      this.runs = offset ? [...this.runs, ...page.runs] : page.runs;
      this.next = page.next;
    } catch (error) {
      const hint = error instanceof ApiError ? error.hint : '';
      this.told.textContent = `${(error as Error).message} ${hint}`;
    }
    this.draw();
  }

  private draw(): void {
    const { trans } = this.view;
    const values = [...new Set(this.runs.flatMap(run => Object.keys(run.values ?? {})))];
    const heads = ['', trans.__('run'), trans.__('pipeline'), trans.__('status'), trans.__('started'), trans.__('took'), ...values, trans.__('by')];
    refill(
      this.table,
      h('thead', {}, h('tr', {}, ...heads.map(head => h('th', { scope: 'col' }, head)))),
      h('tbody', {}, ...this.runs.map(run => this.row(run, values)))
    );
    if (!this.runs.length && !this.told.textContent) {
      this.told.textContent = trans.__('No runs.');
    }
    refill(this.more, this.next === null ? null : button(trans.__('More'), () => this.search(this.next ?? 0)));
    this.drawCompare();
  }

  private row(run: RunSummary, values: string[]): HTMLElement {
    const { trans } = this.view;
    const box = h('input', {
      type: 'checkbox',
      'aria-label': trans.__('Choose run %1', run.id),
      change: () => {
        if (box.checked) {
          this.chosen.add(run.id);
        } else {
          this.chosen.delete(run.id);
        }
        this.drawCompare();
      }
    });
    box.checked = this.chosen.has(run.id);
    return h(
      'tr',
      { 'data-run': run.id },
      h('td', {}, box),
      h('td', {}, button(run.id, () => this.view.go({ at: 'run', run: run.id }), { class: 'mn-link', 'data-key': run.id })),
      h('td', {}, run.pipeline),
      h('td', { class: `mn-status-${run.status}` }, h('span', { class: 'mn-status' }, statusWord(trans, run.status))),
      h('td', { title: run.started }, moment(run.started)),
      h('td', { class: 'mn-number' }, seconds(run.seconds)),
      ...values.map(name => h('td', { class: 'mn-number' }, plain(run.values?.[name]))),
      h('td', { class: 'mn-faint' }, [run.user, run.origin.kind].filter(Boolean).join(', '))
    );
  }

  private drawCompare(): void {
    const runs = [...this.chosen];
    this.compare.disabled = runs.length < 2;
    this.compare.textContent = runs.length
      ? this.view.trans.__('Compare %1', runs.length)
      : this.view.trans.__('Compare');
    this.compare.title = this.view.trans.__('Choose two runs or more');
  }

  private readonly node: HTMLElement;
  private readonly where: HTMLInputElement;
  private readonly pipeline: HTMLInputElement;
  private readonly status: HTMLSelectElement;
  private readonly told = h('p', { class: 'mn-faint', role: 'status' });
  private readonly table = h('table', { class: 'mn-table mn-rows' });
  private readonly more = h('div');
  private readonly compare = button('', () => {
    // In the order of the list from the oldest, so that differences read as progress.
    const order = this.runs.map(run => run.id).reverse();
    const runs = [...this.chosen].sort((a, b) => order.indexOf(a) - order.indexOf(b));
    this.view.go({ at: 'compare', runs });
  });
  private readonly chosen = new Set<string>();
  private runs: RunSummary[] = [];
  private next: number | null = null;
}
