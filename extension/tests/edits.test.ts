import { describe, expect, it } from 'vitest';

import * as edits from '../src/tags/edits';
import { fixes } from '../src/tags/fixes';
import { readPlaces, type ICellValue } from '../src/tags/grammar';
import { cells } from './cells';

function after(before: ICellValue[], made: edits.ITagEdit[]): ICellValue[] {
  return before.map(cell => ({ ...cell, tags: made.find(edit => edit.index === cell.index)?.tags ?? cell.tags }));
}
const steps = (given: ICellValue[]) => readPlaces(given).map(place => place.step);
const tags = (given: ICellValue[]) => given.map(cell => cell.tags.join(' '));

describe('a new step', () => {
  it('begins at the cell, and what follows without a tag goes with it', () => {
    const before = cells('step:a', '', '', 'step:b');
    expect(steps(after(before, edits.newStep(before, [1], 'new')))).toEqual(['a', 'new', 'new', 'b']);
  });

  it('keeps tags that are not ours', () => {
    const before = cells('hide-input step:a limit:memory:4Gi');
    expect(tags(after(before, edits.newStep(before, [0], 'new')))).toEqual(['step:new hide-input limit:memory:4Gi']);
  });
});

describe('joining', () => {
  it('moves the selected cells up, and no other', () => {
    const before = cells('step:a', 'step:b', '', 'step:c');
    const now = after(before, edits.joinAbove(before, [1]));
    expect(steps(now)).toEqual(['a', 'a', 'b', 'c']);
  });

  it('moves the selected cells down, and no other', () => {
    const before = cells('step:a', '', 'step:b', '');
    expect(steps(after(before, edits.joinBelow(before, [1])))).toEqual(['a', 'b', 'b', 'b']);
    const first = cells('step:a', '', 'step:b');
    expect(steps(after(first, edits.joinBelow(first, [0])))).toEqual(['b', 'a', 'b.2']);
  });

  it('does nothing where there is no step to join', () => {
    expect(edits.joinAbove(cells('imports', 'step:a'), [1])).toEqual([]);
    expect(edits.joinBelow(cells('step:a', ''), [1])).toEqual([]);
  });
});

describe('a role', () => {
  it('leaves the other cells of the step in it', () => {
    const before = cells('step:a', 'step:b', '', 'step:c');
    expect(steps(after(before, edits.setRole(before, [1], 'skip')))).toEqual(['a', null, 'b', 'c']);
  });

  it('of metrics stays in the step, and goes again', () => {
    const before = cells('step:a', '');
    const on = after(before, edits.toggleMetrics(before, [1]));
    expect(tags(on)).toEqual(['step:a', 'pipeline-metrics']);
    expect(tags(after(on, edits.toggleMetrics(on, [1])))).toEqual(['step:a', '']);
  });
});

describe('waiting for a step', () => {
  it('is asked for on the first cell of the step, and taken off wherever it stands', () => {
    const before = cells('step:a', 'step:b', '');
    const on = after(before, edits.toggleDependsOn(before, 2, 'a'));
    expect(tags(on)).toEqual(['step:a', 'step:b prev:a', '']);
    expect(edits.dependencies(on, 2)).toEqual([{ name: 'a', on: true }]);
    expect(tags(after(on, edits.toggleDependsOn(on, 2, 'a')))).toEqual(['step:a', 'step:b', '']);
  });
});

describe('renaming', () => {
  it('reaches every tag that names the step', () => {
    const before = cells('step:a', 'block:a', 'step:b prev:a', 'step:ab');
    expect(tags(after(before, edits.renameStep(before, 'a', 'load')))).toEqual([
      'step:load',
      'block:load',
      'step:b prev:load',
      'step:ab'
    ]);
  });
});

describe('a mend', () => {
  const found = (code: string, message: string, fix: string, step: string | null = null) => ({
    code,
    severity: 'error' as const,
    message,
    fix,
    cell: 'c0',
    cell_number: 1,
    line: null,
    variable: null,
    step
  });

  it('writes the tag that was meant', () => {
    const given = cells('setp:train');
    const [write, remove] = fixes(
      found('MN101', 'cell 1: the tag `setp:train` is not one of ours but looks like one.', 'Write `step:train`, or remove the tag.'),
      given
    );
    expect(tags(after(given, write.edits))).toEqual(['step:train']);
    expect(tags(after(given, remove.edits))).toEqual(['']);
  });

  it('renames a step that cannot be named so, wherever it is named', () => {
    const given = cells('step:for', 'step:b prev:for');
    const [rename] = fixes(found('MN102', 'cell 1: the step name …', 'Tag the cell `step:step_for`.', 'for'), given);
    expect(tags(after(given, rename.edits))).toEqual(['step:step_for', 'step:b prev:step_for']);
  });

  it('offers each of two contradicting tags to be removed', () => {
    const given = cells('step:a skip');
    const offered = fixes(
      found('MN105', 'cell 1: the cell is tagged as step `a` and as `skip`.', 'Keep `step:a` or `skip`, not both.', 'a'),
      given
    );
    expect(offered.map(fix => tags(after(given, fix.edits))[0])).toEqual(['skip', 'step:a']);
  });

  it('is not offered where only a person can decide', () => {
    expect(fixes(found('MN301', '`x` is used', 'Define it.'), cells('step:a'))).toEqual([]);
  });
});
