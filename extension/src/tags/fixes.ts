/** What can be mended at a click: for a diagnostic, the edits that would make it go away, each with what it does. */

import type { Diagnostic } from '../contract';
import { renameStep, replaceTag, type ITagEdit } from './edits';
import type { ICellValue } from './grammar';

/** What a mend does; views put it into words. */
export type Mend =
  | { kind: 'write'; tag: string }
  | { kind: 'remove'; tag: string }
  | { kind: 'rename'; from: string; to: string };

export interface IFix {
  mend: Mend;
  edits: ITagEdit[];
}

const QUOTED = /`([^`]+)`/g;

/** Return the mends of a diagnostic; none where only a person can decide. */
export function fixes(found: Diagnostic, cells: readonly ICellValue[]): IFix[] {
  const cell = cells.find(each => each.id === found.cell);
  if (!cell) {
    return [];
  }
  const named = (text: string): string[] => [...text.matchAll(QUOTED)].map(match => match[1]);
  // Tags are taken from the message by what the cell really has, so a message put otherwise offers nothing wrong.
  const tag = named(found.message).find(word => cell.tags.includes(word));
  const remove = (each: string): IFix => ({
    mend: { kind: 'remove', tag: each },
    edits: replaceTag(cells, cell.index, each, null)
  });
  switch (found.code) {
    case 'MN101': {
      const [wanted] = named(found.fix);
      const usable = wanted && !/NAME|:$/.test(wanted);
      return tag === undefined
        ? []
        : [
            ...(usable
              ? [{ mend: { kind: 'write', tag: wanted } as Mend, edits: replaceTag(cells, cell.index, tag, wanted) }]
              : []),
            remove(tag)
          ];
    }
    case 'MN102': {
      const to = named(found.fix)[0]?.replace(/^step:/, '');
      const from = found.step;
      return from && to ? [{ mend: { kind: 'rename', from, to }, edits: renameStep(cells, from, to) }] : [];
    }
    case 'MN103':
    case 'MN104':
      return cell.tags.filter(each => each.startsWith('prev:') && found.message.includes(each)).map(remove);
    case 'MN105': {
      const words = new Set(named(found.message).flatMap(word => [word, `step:${word}`, `block:${word}`]));
      return cell.tags.filter(each => words.has(each)).map(remove);
    }
    default:
      return [];
  }
}
