/** Edits of tags as values: which cells get which tags. Tags that are not ours stay where they are. */

import { PRELUDE, isOurs, readPlaces, readTags, wordRole, type ICellValue, type Role } from './grammar';

export interface ITagEdit {
  index: number;
  tags: string[];
}

type Cells = readonly ICellValue[];

/** Begin step `name` at the first of the selected cells; the others, and what follows without a tag, go with it. */
export function newStep(cells: Cells, selected: readonly number[], name: string): ITagEdit[] {
  const [first, ...rest] = code(cells, selected);
  if (first === undefined) {
    return [];
  }
  return changes(cells, [
    { index: first, tags: withStep(cells[first].tags, name) },
    ...rest.map(index => ({ index, tags: foreign(cells[index].tags, true) }))
  ]);
}

/** Put the selected cells into the step above them; every other cell stays in its step. */
export function joinAbove(cells: Cells, selected: readonly number[]): ITagEdit[] {
  const chosen = code(cells, selected);
  if (!chosen.length) {
    return [];
  }
  const above = readPlaces(cells)
    .slice(0, chosen[0])
    .reverse()
    .find(place => place.tag !== null);
  if (!above?.tag || above.tag === PRELUDE) {
    return [];
  }
  const name = above.tag;
  return keepingOthers(
    cells,
    chosen,
    chosen.map(index => ({ index, tags: foreign(cells[index].tags, true) })),
    index => withStep(cells[index].tags, name),
    name
  );
}

/** Put the selected cells into the step that begins below them; every other cell stays in its step. */
export function joinBelow(cells: Cells, selected: readonly number[]): ITagEdit[] {
  const chosen = code(cells, selected);
  if (!chosen.length) {
    return [];
  }
  const last = chosen[chosen.length - 1];
  const own = readPlaces(cells)[last].step;
  const below = readPlaces(cells)
    .slice(last + 1)
    .find(place => place.tag !== null && place.tag !== PRELUDE && place.step !== own);
  if (!below?.tag) {
    return [];
  }
  const name = below.tag;
  const edits = chosen.map(index => ({ index, tags: withStep(cells[index].tags, name) }));
  return keepingOthers(cells, chosen, edits, index => withStep(cells[index].tags, name), name);
}

/** Give the selected cells a role of their own (imports, functions, parameters, skip, test). */
export function setRole(cells: Cells, selected: readonly number[], role: Role): ITagEdit[] {
  const chosen = code(cells, selected);
  const edits = chosen.map(index => ({
    index,
    tags: [role, ...foreign(cells[index].tags, false)]
  }));
  return keepingOthers(cells, chosen, edits, index => [role, ...foreign(cells[index].tags, false)], null);
}

/** Let the selected cells publish metrics, or no longer; they stay in their step. */
export function toggleMetrics(cells: Cells, selected: readonly number[]): ITagEdit[] {
  const chosen = code(cells, selected);
  const on = chosen.some(index => !cells[index].tags.includes('pipeline-metrics'));
  return changes(
    cells,
    chosen.map(index => {
      const others = cells[index].tags.filter(tag => wordRole(tag) === undefined);
      return { index, tags: on ? [...others, 'pipeline-metrics'] : others };
    })
  );
}

/** Let the step of a cell wait for step `name`, or no longer. */
export function toggleDependsOn(cells: Cells, index: number, name: string): ITagEdit[] {
  const place = readPlaces(cells)[index];
  if (!place?.step || place.tag === name || place.tag === PRELUDE) {
    return [];
  }
  const own = readPlaces(cells).filter(other => other.step === place.step);
  const holders = own.filter(other => cells[other.index].tags.includes(`prev:${name}`));
  if (holders.length) {
    return changes(
      cells,
      holders.map(({ index: at }) => ({ index: at, tags: cells[at].tags.filter(tag => tag !== `prev:${name}`) }))
    );
  }
  const first = own[0].index;
  return changes(cells, [{ index: first, tags: [...cells[first].tags, `prev:${name}`] }]);
}

/** Return the steps before a cell's step, and whether it is asked to wait for each. */
export function dependencies(cells: Cells, index: number): { name: string; on: boolean }[] {
  const places = readPlaces(cells);
  const place = places[index];
  if (!place?.step) {
    return [];
  }
  const own = places.filter(other => other.step === place.step);
  const asked = new Set(own.flatMap(other => readTags(cells[other.index].tags).prev));
  const before: string[] = [];
  for (const other of places.slice(0, own[0].index)) {
    if (other.tag && other.tag !== PRELUDE && other.tag !== place.tag && !before.includes(other.tag)) {
      before.push(other.tag);
    }
  }
  return before.map(name => ({ name, on: asked.has(name) }));
}

/** Take our tags off the selected cells: they belong to the step above then. */
export function removeTags(cells: Cells, selected: readonly number[]): ITagEdit[] {
  return changes(
    cells,
    code(cells, selected).map(index => ({ index, tags: foreign(cells[index].tags, false) }))
  );
}

/** Rename a step on every cell that names it, as its own or as what it waits for. */
export function renameStep(cells: Cells, from: string, to: string): ITagEdit[] {
  const renamed = (tag: string): string => {
    const prefix = ['step:', 'block:', 'prev:'].find(each => tag === each + from);
    return prefix ? prefix + to : tag;
  };
  return changes(
    cells,
    cells.map(cell => ({ index: cell.index, tags: cell.tags.map(renamed) }))
  );
}

/** Give cells the tags that the server proposes, by cell id. */
export function applySuggestion(cells: Cells, proposed: readonly { cell: string; after: string[] }[]): ITagEdit[] {
  const after = new Map(proposed.map(change => [change.cell, change.after]));
  return changes(
    cells,
    cells.filter(cell => after.has(cell.id)).map(cell => ({ index: cell.index, tags: after.get(cell.id)! }))
  );
}

/** Replace one tag of a cell; null takes it off. */
export function replaceTag(cells: Cells, index: number, tag: string, by: string | null): ITagEdit[] {
  const tags = cells[index].tags.flatMap(each => (each !== tag ? [each] : by === null ? [] : [by]));
  return changes(cells, [{ index, tags: [...new Set(tags)] }]);
}

function code(cells: Cells, selected: readonly number[]): number[] {
  return [...selected].sort((a, b) => a - b).filter(index => cells[index]?.kind === 'code');
}

/** The tags without a step and a role; metrics stay where the cell stays in a step. */
function foreign(tags: readonly string[], inStep: boolean): string[] {
  return tags.filter(tag => !isOurs(tag) || (inStep && tag === 'pipeline-metrics'));
}

function withStep(tags: readonly string[], name: string): string[] {
  const prev = tags.filter(tag => tag.startsWith('prev:') && tag !== `prev:${name}`);
  return [`step:${name}`, ...prev, ...foreign(tags, true)];
}

function changes(cells: Cells, edits: ITagEdit[]): ITagEdit[] {
  return edits.filter(({ index, tags }) => tags.join('\n') !== cells[index].tags.join('\n'));
}

function edited(cells: Cells, edits: readonly ITagEdit[]): ICellValue[] {
  const by = new Map(edits.map(edit => [edit.index, edit.tags]));
  return cells.map(cell => (by.has(cell.index) ? { ...cell, tags: by.get(cell.index)! } : cell));
}

/**
 * Complete an edit so that the selected cells land in step `goal` (null: in none) and no other cell changes its step:
 * where one would, it gets the tag of the step that it was in.
 */
function keepingOthers(
  cells: Cells,
  chosen: readonly number[],
  edits: ITagEdit[],
  named: (index: number) => string[],
  goal: string | null
): ITagEdit[] {
  const before = readPlaces(cells);
  const by = new Map(edits.map(edit => [edit.index, edit]));
  for (const cell of cells) {
    const now = readPlaces(edited(cells, [...by.values()]))[cell.index];
    if (chosen.includes(cell.index)) {
      if (goal !== null && now.tag !== goal) {
        by.set(cell.index, { index: cell.index, tags: named(cell.index) });
      }
    } else if (before[cell.index].tag !== now.tag && before[cell.index].tag !== null) {
      const was = before[cell.index].tag!;
      // A cell with a role of its own cannot have a step's name too; those that follow it without a tag can.
      if (was !== PRELUDE && ['step', 'continues', 'pipeline-metrics'].includes(before[cell.index].role!)) {
        by.set(cell.index, { index: cell.index, tags: withStep(cells[cell.index].tags, was) });
      }
    }
  }
  return changes(cells, [...by.values()]);
}
