/** Runs side by side: what differs of their parameters, their metrics with the differences, code, data and outputs. */

import type { Comparison } from '../contract';
import { moment, plain, signed } from '../model/format';
import { button, h } from '../view/elements';
import { statusWord } from '../view/words';
import type { IView } from './browser';
import { part } from './tables';

type Row = Comparison['metrics'][number];

export async function comparison(view: IView, runs: string[]): Promise<Node> {
  const found = await view.api.compare(runs, view.path);
  const { trans } = view;
  const differing = found.parameters.filter(differs);
  const same = found.parameters.length - differing.length;
  return h(
    'article',
    { class: 'mn-comparison' },
    part(trans.__('Metrics'), rows(view, found, found.metrics, true)),
    part(
      trans.__('Parameters that differ'),
      differing.length ? rows(view, found, differing, false) : h('p', { class: 'mn-faint' }, trans.__('None.')),
      same ? h('p', { class: 'mn-faint' }, trans._n('%1 more is the same.', '%1 more are the same.', same)) : null
    ),
    part(trans.__('Steps whose code differs'), found.steps.length ? rows(view, found, found.steps, false) : null),
    part(trans.__('Data that differs'), found.data.length ? rows(view, found, found.data, false) : null),
    part(trans.__('Outputs that differ'), found.outputs.length ? rows(view, found, found.outputs, false) : null)
  );
}

function differs(row: Row): boolean {
  return new Set(row.values.map(value => JSON.stringify(value))).size > 1;
}

function rows(view: IView, { runs }: Comparison, given: Row[], numbers: boolean): HTMLElement {
  const heads = runs.map(run =>
    h(
      'th',
      { scope: 'col' },
      button(run.id, () => view.go({ at: 'run', run: run.id }), { class: 'mn-link' }),
      h('div', { class: 'mn-faint' }, `${moment(run.started)} · ${statusWord(view.trans, run.status)}`)
    )
  );
  return h(
    'div',
    { class: 'mn-wide' },
    h(
      'table',
      { class: 'mn-table mn-compare' },
      h('thead', {}, h('tr', {}, h('th', {}), ...heads)),
      h(
        'tbody',
        {},
        ...given.map(row =>
          h(
            'tr',
            { 'data-name': row.name },
            h('th', { scope: 'row' }, row.name),
            ...row.values.map((value, i) =>
              h(
                'td',
                { class: `${numbers ? 'mn-number' : ''}${row.best === i ? ' mn-best' : ''}` },
                short(value),
                i && typeof row.differences?.[i] === 'number'
                  ? h('span', { class: 'mn-faint mn-difference' }, signed(row.differences[i]!))
                  : null
              )
            )
          )
        )
      )
    )
  );
}

/** Hashes by their beginning; whatever else is long, cut. */
function short(value: unknown): string {
  const text = plain(value);
  return /^(sha256:|xxh\d*:)?[0-9a-f]{32,}$/.test(text) ? text.replace(/^\w+:/, '').slice(0, 10) : text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
