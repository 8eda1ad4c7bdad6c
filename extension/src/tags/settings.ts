/** The settings of a step, gathered from its cells and written back to them. */

import { readPlaces, type ICellValue } from './grammar';

export interface ISettingsEdit {
  index: number;
  settings: Record<string, unknown>;
}

/** Return what the cells of the step that cell `index` is in set together, and the indexes of these cells. */
export function stepSettings(
  cells: readonly ICellValue[],
  index: number
): { tag: string; indexes: number[]; settings: Record<string, unknown> } | null {
  const places = readPlaces(cells);
  const tag = places[index]?.tag;
  if (!tag) {
    return null;
  }
  const indexes = places.filter(place => place.tag === tag).map(place => place.index);
  const settings: Record<string, unknown> = {};
  for (const at of indexes) {
    for (const [key, value] of Object.entries(cells[at].settings)) {
      settings[key] = key === 'outputs' ? { ...(settings[key] as object), ...(value as object) } : value;
    }
  }
  return { tag, indexes, settings };
}

/**
 * Return the cells whose settings must change for the step to have `wanted`.
 *
 * A setting stays on the cell that has it; a new one goes to the step's first cell. An output that another cell declares
 * stays there too.
 */
export function settingsEdits(
  cells: readonly ICellValue[],
  indexes: readonly number[],
  wanted: Readonly<Record<string, unknown>>
): ISettingsEdit[] {
  const after = new Map(indexes.map(index => [index, clone(cells[index].settings)]));
  for (const settings of after.values()) {
    for (const key of Object.keys(settings)) {
      if (!(key in wanted)) {
        delete settings[key];
      } else if (key !== 'outputs') {
        settings[key] = wanted[key];
      }
    }
  }
  for (const [key, value] of Object.entries(wanted)) {
    const holders = [...after.values()].filter(settings => key in settings);
    if (key === 'outputs') {
      placeOutputs([...after.values()], value as Record<string, unknown>);
    } else if (!holders.length) {
      after.get(indexes[0])![key] = value;
    }
  }
  return [...after]
    .filter(([index, settings]) => JSON.stringify(settings) !== JSON.stringify(cells[index].settings))
    .map(([index, settings]) => ({ index, settings }));
}

function placeOutputs(holders: Record<string, unknown>[], wanted: Record<string, unknown>): void {
  const left = { ...wanted };
  for (const settings of holders) {
    const own = settings.outputs as Record<string, unknown> | undefined;
    if (!own) {
      continue;
    }
    for (const name of Object.keys(own)) {
      if (name in left) {
        own[name] = left[name];
        delete left[name];
      } else {
        delete own[name];
      }
    }
    if (!Object.keys(own).length) {
      delete settings.outputs;
    }
  }
  if (Object.keys(left).length) {
    const holder = holders.find(settings => settings.outputs) ?? holders[0];
    holder.outputs = { ...(holder.outputs as object), ...left };
  }
}

function clone(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value));
}
