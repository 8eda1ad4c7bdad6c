/** One run: its steps, metrics, figures, failures, and where each leads. */

import type { ArtifactLink, RunDetail, RunStep } from '../contract';
import { bytes, moment, plain, seconds } from '../model/format';
import { isOver } from '../model/progress';
import { attempt } from '../view/dialogs';
import { button, h } from '../view/elements';
import { statusWord } from '../view/words';
import type { IView } from './browser';
import { part, table, withoutColours } from './tables';

/** How long the page of a run that is under way stands before it is fetched again. */
const AGAIN_MS = 3000;

export async function runDetail(view: IView, id: string): Promise<Node> {
  const detail = await view.api.run(id, view.path);
  const { trans } = view;
  const { run } = detail;
  if (!isOver(run.status)) {
    const timer = window.setTimeout(() => view.go({ at: 'run', run: id }), AGAIN_MS);
    view.leaving(() => window.clearTimeout(timer));
  }
  const figures = detail.steps.flatMap(step => step.figures.map(figure => ({ step, figure })));
  const tables = detail.steps.flatMap(step => step.tables.map(found => ({ step, table: found })));
  const metrics = detail.steps.flatMap(step => Object.entries(step.metrics).map(([name, value]) => [name, plain(value), step.name]));
  return h(
    'article',
    { class: 'mn-run-detail', 'data-run': run.id },
    h(
      'header',
      { class: `mn-status-${run.status}` },
      h('h2', {}, run.pipeline, ' ', h('span', { class: 'mn-status' }, statusWord(trans, run.status))),
      h('p', { class: 'mn-faint' }, facts(detail).join(' · ')),
      run.reason ? h('p', {}, run.reason) : null,
      run.why ? h('p', {}, trans.__('Why: %1', run.why)) : null,
      h(
        'div',
        { class: 'mn-actions' },
        button(trans.__('Report'), () => view.go({ at: 'report', run: run.id })),
        button(trans.__('Log'), event => showLog(view, run.id, event), { 'data-key': 'log' }),
        run.notebook
          ? button(trans.__('Open notebook'), () => view.commands.execute('docmanager:open', { path: run.notebook! }))
          : null
      )
    ),
    part(
      trans.__('Decisions'),
      detail.waits.length
        ? table(
            [trans.__('step'), trans.__('decided'), trans.__('by'), trans.__('why'), ''],
            detail.waits.map(({ step, decided }) => [
              step,
              decided ? decided.decision : trans.__('it waits for a decision'),
              decided ? [decided.by, moment(decided.at)].join(', ') : '',
              decided?.why ?? '',
              h('span', { class: 'mn-actions' }, reopen(view, run.id, step))
            ])
          )
        : null
    ),
    part(trans.__('Failures'), ...detail.steps.filter(step => step.error).map(step => failure(view, run.id, step))),
    part(trans.__('Steps'), steps(view, detail)),
    part(
      trans.__('Metrics'),
      metrics.length ? table([trans.__('metric'), trans.__('value'), trans.__('step')], metrics, { class: 'mn-table mn-values' }) : null
    ),
    part(trans.__('Figures'), figures.length ? await pictures(view, figures) : null),
    part(
      trans.__('Tables'),
      ...tables.map(({ step, table: found }) => preview(view, step.name, found))
    ),
    part(
      trans.__('Models'),
      detail.models.length
        ? table(
            [trans.__('model'), trans.__('version')],
            detail.models.map(({ model, version }) => [
              button(model, () => view.go({ at: 'model', model }), { class: 'mn-link' }),
              String(version)
            ])
          )
        : null
    ),
    part(
      trans.__('Parameters'),
      detail.parameters.length
        ? table([trans.__('parameter'), trans.__('value'), trans.__('from')], parameters(detail))
        : null
    ),
    part(
      trans.__('History'),
      table(
        ['', '', '', ''],
        detail.history.map(({ at, step, status, why }) => [moment(at), step ?? trans.__('run'), status, why])
      )
    )
  );
}

/** Each parameter once, though every step that has it is recorded with it. */
function parameters(detail: RunDetail): string[][] {
  const rows = detail.parameters.map(({ name, value, source }) => JSON.stringify([name, plain(value), source]));
  return [...new Set(rows)].map(row => JSON.parse(row) as string[]);
}

function facts({ run, git, resumes }: RunDetail): string[] {
  return [
    run.id,
    moment(run.started),
    seconds(run.seconds),
    [run.user, run.origin.kind, run.origin.detail].filter(Boolean).join(', '),
    git ? `${git.commit.slice(0, 10)}${git.dirty ? ' +' : ''}` : '',
    resumes ? `↻ ${resumes}` : ''
  ].filter(Boolean);
}

function steps(view: IView, detail: RunDetail): HTMLElement {
  const { trans } = view;
  return table(
    [trans.__('step'), trans.__('status'), trans.__('took'), trans.__('because'), ''],
    detail.steps.map(step => [
      step.name,
      h('span', { class: `mn-status mn-step-${step.status}` }, statusWord(trans, step.status)),
      seconds(step.seconds),
      h('span', { class: 'mn-faint' }, step.reason),
      h(
        'span',
        { class: 'mn-actions' },
        step.notebook
          ? button(trans.__('Cells'), () => view.go({ at: 'step', run: detail.run.id, step: step.name }), { class: 'mn-small' })
          : null,
        step.notebook ? reopen(view, detail.run.id, step.name) : null
      )
    ]),
    { class: 'mn-table mn-rows' }
  );
}

function reopen(view: IView, run: string, step: string): HTMLButtonElement {
  return button(
    view.trans.__('Reopen'),
    () =>
      attempt(async () => {
        const opened = await view.api.open({ run, step }, view.path);
        await view.commands.execute('docmanager:open', { path: opened.path });
      }),
    {
      class: 'mn-small',
      'data-step': step,
      title: view.trans.__('Open this step as a live notebook, with its exact inputs')
    }
  );
}

function failure(view: IView, run: string, step: RunStep): HTMLElement {
  const error = step.error!;
  return h(
    'div',
    { class: 'mn-failed-step' },
    h(
      'p',
      {},
      h('strong', {}, step.name),
      view.trans.__(', cell %1: ', error.cell_number),
      h('span', { class: 'mn-error' }, `${error.ename}: ${error.evalue}`)
    ),
    h('details', {}, h('summary', {}, view.trans.__('Traceback')), h('pre', { class: 'mn-source', tabindex: 0 }, withoutColours(error.traceback))),
    h('div', { class: 'mn-actions' }, step.notebook ? reopen(view, run, step.name) : null)
  );
}

async function pictures(view: IView, figures: { step: RunStep; figure: ArtifactLink }[]): Promise<HTMLElement> {
  const drawn = await Promise.all(
    figures.map(async ({ step, figure }) => {
      const content = await view.api.artifact(figure.href).catch(() => null);
      return h(
        'figure',
        {},
        content
          ? h('img', { src: view.url(content), alt: `${figure.name}, ${step.name}` })
          : h('p', { class: 'mn-faint' }, view.trans.__('It is no longer there.')),
        h('figcaption', { class: 'mn-faint' }, `${figure.name} · ${step.name}`)
      );
    })
  );
  return h('div', { class: 'mn-figures' }, ...drawn);
}

interface ITable {
  columns: string[];
  rows: unknown[][];
  of: number;
}

function preview(view: IView, step: string, link: ArtifactLink): HTMLElement {
  const body = h('div');
  const rows = link.rows === null || link.rows === undefined ? '' : view.trans.__('%1 rows', link.rows);
  return h(
    'details',
    {
      toggle: (event: Event) => {
        if ((event.currentTarget as HTMLDetailsElement).open && !body.firstChild) {
          void attempt(async () => {
            const read = JSON.parse(await (await view.api.artifact(link.href)).text()) as ITable;
            body.append(h('div', { class: 'mn-wide' }, table(read.columns.map(String), read.rows.map(row => row.map(plain)))));
            if (read.of > read.rows.length) {
              body.append(h('p', { class: 'mn-faint' }, view.trans.__('The first %1 of %2 rows.', read.rows.length, read.of)));
            }
          });
        }
      }
    },
    h('summary', {}, link.name, h('span', { class: 'mn-faint' }, ` ${[step, rows, bytes(link.bytes)].filter(Boolean).join(' · ')}`)),
    body
  );
}

async function showLog(view: IView, run: string, event: MouseEvent): Promise<void> {
  const header = (event.currentTarget as HTMLElement | null)?.closest('header');
  const shown = header?.querySelector('.mn-log');
  if (shown) {
    shown.remove();
    return;
  }
  const text = await attempt(() => view.api.log(run, view.path));
  if (text !== undefined) {
    header?.append(h('pre', { class: 'mn-source mn-log', tabindex: 0 }, withoutColours(text) || view.trans.__('It printed nothing.')));
  }
}
