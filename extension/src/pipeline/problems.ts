/** Diagnostics: the fact, its place to jump to, and mends at a click. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { Diagnostic } from '../contract';
import { fixes, type Mend } from '../tags/fixes';
import type { ICellValue } from '../tags/grammar';
import type { ITagEdit } from '../tags/edits';
import { button, h } from '../view/elements';

export interface IProblemActions {
  jump: (cell: string, line: number | null) => void;
  edit: (edits: ITagEdit[]) => void;
  suggest: () => void;
}

export function problemList(
  diagnostics: readonly Diagnostic[],
  cells: readonly ICellValue[],
  trans: TranslationBundle,
  actions: IProblemActions
): HTMLElement {
  const order = { error: 0, warning: 1, notice: 2 };
  // Where nothing is tagged, that every single cell stands before the first step tells nobody anything.
  const untagged = diagnostics.some(({ code }) => code === 'MN003');
  const shown = diagnostics.filter(({ code }) => !untagged || code !== 'MN108');
  const sorted = shown.sort((a, b) => order[a.severity] - order[b.severity]);
  return h('ul', { class: 'mn-problems' }, ...sorted.map((found, i) => problem(found, i, cells, trans, actions)));
}

function problem(
  found: Diagnostic,
  index: number,
  cells: readonly ICellValue[],
  trans: TranslationBundle,
  actions: IProblemActions
): HTMLElement {
  const words = { error: trans.__('Error'), warning: trans.__('Warning'), notice: trans.__('Notice') };
  const place = [
    found.cell_number === null ? '' : trans.__('cell %1', found.cell_number),
    found.line === null ? '' : trans.__('line %1', found.line)
  ].filter(Boolean);
  const mends = fixes(found, cells).map(({ mend, edits }, i) =>
    button(told(mend, trans), () => actions.edit(edits), { class: 'mn-small', 'data-key': `${index}-fix-${i}` })
  );
  if (found.code === 'MN003') {
    mends.push(button(trans.__('Suggest tags…'), actions.suggest, { class: 'mn-small', 'data-key': `${index}-suggest` }));
  }
  return h(
    'li',
    { class: `mn-problem-item mn-${found.severity}`, 'data-code': found.code },
    h(
      'button',
      {
        type: 'button',
        class: 'mn-jump',
        'data-key': `${index}-jump`,
        disabled: found.cell === null,
        click: () => found.cell !== null && actions.jump(found.cell, found.line)
      },
      h('span', { class: 'mn-severity' }, words[found.severity]),
      h('span', { class: 'mn-place' }, place.join(', ')),
      h('span', { class: 'mn-code' }, found.code),
      h('span', { class: 'mn-message' }, found.message)
    ),
    found.fix && found.code !== 'MN003' ? h('p', { class: 'mn-fix' }, found.fix) : null,
    mends.length ? h('div', { class: 'mn-actions' }, ...mends) : null
  );
}

function told(mend: Mend, trans: TranslationBundle): string {
  switch (mend.kind) {
    case 'write':
      return trans.__('Write %1', mend.tag);
    case 'remove':
      return trans.__('Remove %1', mend.tag);
    case 'rename':
      return trans.__('Rename to %1', mend.to);
  }
}
