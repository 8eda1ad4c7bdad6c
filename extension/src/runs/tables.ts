/** Small parts that several pages share. */

import { h } from '../view/elements';

/** A table of rows under heads; a cell is a text or an element. */
export function table(heads: string[], rows: (Node | string)[][], more: Record<string, string> = {}): HTMLElement {
  return h(
    'table',
    { class: 'mn-table', ...more },
    heads.some(Boolean) ? h('thead', {}, h('tr', {}, ...heads.map(head => h('th', { scope: 'col' }, head)))) : null,
    h('tbody', {}, ...rows.map(row => h('tr', {}, ...row.map(cell => h('td', {}, cell)))))
  );
}

/** A part of a page under a title; nothing at all when it is empty. */
export function part(title: string, ...children: (Node | null)[]): HTMLElement | null {
  const given = children.filter((child): child is Node => child !== null);
  return given.length ? h('section', { class: 'mn-part' }, h('h3', {}, title), ...given) : null;
}

/** Texts of terminals without their colours. */
export function withoutColours(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[0-9;]*m/g, '');
}
