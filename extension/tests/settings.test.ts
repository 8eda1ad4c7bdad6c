import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { problems, type ISchema } from '../src/tags/schema';
import { settingsEdits, stepSettings } from '../src/tags/settings';
import { parseValue, showValue } from '../src/tags/values';
import { cells } from './cells';

const schema = JSON.parse(
  readFileSync(new URL('../../mlops_nb/notebook/step_settings.schema.json', import.meta.url), 'utf8')
) as ISchema;
const told = (value: unknown) => problems(value, schema).map(({ where, text }) => `${where} ${text}`);

describe('the schema that Python and the editor share', () => {
  it('takes what fits', () => {
    expect(told({})).toEqual([]);
    expect(told({ timeout_s: 0.5, retries: 2, cache: false, outputs: { größe: { type: 'value' } } })).toHaveLength(1);
    expect(told({ outputs: { model: { type: 'model', variable: 'größe', sample_input: 'X_test' } } })).toEqual([]);
  });

  it.each([
    [{ retries: -1 }, 'retries must be at least 0, and is -1'],
    [{ retries: 1.5 }, 'retries must be of type integer, and is 1.5'],
    [{ retries: 101 }, 'retries must be at most 100, and is 101'],
    [{ timeout_s: 0 }, 'timeout_s must be more than 0, and is 0'],
    [{ cache: 'no' }, 'cache must be of type boolean, and is "no"'],
    [{ outputs: { m: {} } }, 'outputs.m needs `type`'],
    [{ outputs: { m: { type: 'plot' } } }, 'outputs.m.type must be one of metrics, model, dataset, figure, value, and is "plot"'],
    [{ outputs: { m: { type: 'value', variable: '2x' } } }, 'outputs.m.variable cannot be "2x"']
  ])('refuses %j', (value, sentence) => {
    expect(told(value)).toEqual([sentence]);
  });

  it('names what is no setting', () => {
    expect(told({ time: 1 })[0]).toMatch(/^time is not a setting; there are timeout_s, retries/);
  });
});

describe('settings of a step', () => {
  const given = cells('step:a', '', 'step:b');
  given[0].settings = { timeout_s: 5, outputs: { mae: { type: 'metrics' } } };
  given[1].settings = { retries: 2, outputs: { model: { type: 'model' } } };

  it('are those of all its cells', () => {
    expect(stepSettings(given, 1)).toEqual({
      tag: 'a',
      indexes: [0, 1],
      settings: { timeout_s: 5, retries: 2, outputs: { mae: { type: 'metrics' }, model: { type: 'model' } } }
    });
  });

  it('stay on the cell that has them; new ones go to the first', () => {
    const wanted = { retries: 3, memory_mb: 100, outputs: { model: { type: 'value' }, table: { type: 'dataset' } } };
    expect(settingsEdits(given, [0, 1], wanted)).toEqual([
      { index: 0, settings: { memory_mb: 100 } },
      { index: 1, settings: { retries: 3, outputs: { model: { type: 'value' }, table: { type: 'dataset' } } } }
    ]);
  });

  it('that are as they were change no cell', () => {
    expect(settingsEdits(given, [0, 1], stepSettings(given, 0)!.settings)).toEqual([]);
  });
});

describe('a parameter value', () => {
  it.each([
    ['3', 'int', { value: 3 }],
    ['3.5', 'int', { wrong: 'integer' }],
    ['1e-3', 'float', { value: 0.001 }],
    ['x', 'float', { wrong: 'number' }],
    ['[1, 2]', 'list', { value: [1, 2] }],
    ['{}', 'list', { wrong: 'list' }],
    ['a b', 'str', { value: 'a b' }]
  ])('%s as %s', (text, type, answer) => {
    expect(parseValue(text, type)).toEqual(answer);
  });

  it('may be none where it may', () => {
    expect(parseValue('', 'int', true)).toEqual({ value: null });
  });

  it('is shown as it would be typed', () => {
    expect(showValue(1, 'float')).toBe('1.0');
    expect(showValue(['a'], 'list')).toBe('["a"]');
    expect(showValue('x', 'str')).toBe('x');
  });
});
