import { describe, expect, it } from 'vitest';

import { colours, COLOURS } from '../src/tags/colours';
import { nameProblem, readPlaces, readTags, stepNames } from '../src/tags/grammar';
import { cells } from './cells';

const steps = (...tags: string[]) => readPlaces(cells(...tags)).map(place => place.step);

describe('where a cell stands', () => {
  it('is the step above when it has no tag', () => {
    expect(steps('step:load', '', 'step:train', '')).toEqual(['load', 'load', 'train', 'train']);
  });

  it('is the prelude before the first step', () => {
    expect(steps('imports', 'parameters', '', 'step:load')).toEqual(['prelude', 'prelude', 'prelude', 'load']);
  });

  it('is nowhere for text and for what is left out, and what follows these belongs to the step before them', () => {
    expect(steps('step:load', '#', 'skip', 'test', '')).toEqual(['load', null, null, null, 'load']);
  });

  it('is a part of its own when a step goes on after another one', () => {
    expect(steps('step:a', 'step:b', 'step:a', '')).toEqual(['a', 'b', 'a.2', 'a.2']);
  });

  it('begins once in each step', () => {
    const first = readPlaces(cells('', '', 'step:a', 'step:a', 'step:b')).map(place => place.first);
    expect(first).toEqual([true, false, true, false, true]);
  });
});

describe('tags', () => {
  it('are read in both vocabularies', () => {
    expect(readTags(['block:train', 'prev:load', 'prev:load', 'hide-input'])).toEqual({
      role: 'step',
      step: 'train',
      prev: ['load']
    });
    expect(readTags(['pipeline-parameters']).role).toBe('parameters');
    expect(readTags(['block:'])).toEqual({ role: 'continues', step: null, prev: [] });
  });

  it('name steps in the order of the notebook, without the prelude', () => {
    expect(stepNames(cells('imports', 'step:b', 'step:a', 'step:b'))).toEqual(['b', 'a']);
  });
});

describe('a name', () => {
  it.each([
    ['train', null],
    ['train-2_b', null],
    ['', 'empty'],
    ['2train', 'form'],
    ['train test', 'form'],
    ['a'.repeat(64), 'form'],
    ['class', 'reserved'],
    ['Prelude', 'reserved'],
    ['LO-AD', 'taken']
  ])('%s: %s', (name, problem) => {
    expect(nameProblem(name, ['load'])).toBe(problem);
  });
});

describe('colours', () => {
  it('stay with a name, wherever the step stands', () => {
    const alone = colours(['train']).get('train');
    expect(colours(['x', 'y', 'z', 'train']).get('train')! % COLOURS).toBe(alone);
  });

  it('tell neighbours apart, and parts of a step not', () => {
    const names = [...'abcdefghijklmnopqrstuvwxyz'];
    const given = colours(names);
    names.slice(1).forEach((name, i) => expect(given.get(name)).not.toBe(given.get(names[i])));
    const parts = colours(['a', 'b', 'a.2']);
    expect(parts.get('a.2')).toBe(parts.get('a'));
  });
});
