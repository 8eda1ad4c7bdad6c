/**
 * What a cell's tags say, read as `mlops_nb/notebook/tags.py` reads them, so that a chip follows a tag at once.
 *
 * The server's plan is what counts; this reading only bridges the moment until it comes.
 */

export type Role =
  | 'step'
  | 'continues'
  | 'imports'
  | 'functions'
  | 'parameters'
  | 'pipeline-metrics'
  | 'skip'
  | 'test';

export interface ICellValue {
  id: string;
  index: number;
  kind: string;
  source: string;
  tags: readonly string[];
  settings: Readonly<Record<string, unknown>>;
}

export interface ITags {
  role: Role;
  step: string | null;
  prev: string[];
}

/** Where a cell stands: in which step, as what, and whether that step begins with it. */
export interface IPlace {
  id: string;
  index: number;
  role: Role | null;
  /** The step's name with its part (`train.2`), as the plan names it; null where the cell is in none. */
  step: string | null;
  /** The name on the tags. */
  tag: string | null;
  first: boolean;
}

export const PRELUDE = 'prelude';

const WORDS: Readonly<Record<string, Role>> = {
  imports: 'imports',
  functions: 'functions',
  parameters: 'parameters',
  'pipeline-parameters': 'parameters',
  'pipeline-metrics': 'pipeline-metrics',
  skip: 'skip',
  test: 'test'
};
const STEP_PREFIX = /^(step|block):(.*)$/s;
const PREV_PREFIX = /^prev:(.+)$/s;
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
const RESERVED = new Set(['prelude', 'con', 'prn', 'aux', 'nul']);
const KEYWORDS = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from ' +
    'global if import in is lambda nonlocal not or pass raise return try while with yield'
  ).split(' ')
);

/** Read the tags of a code cell. */
export function readTags(tags: readonly string[]): ITags {
  let role: Role | null = null;
  let step: string | null = null;
  const prev: string[] = [];
  for (const tag of tags) {
    const named = STEP_PREFIX.exec(tag);
    const after = PREV_PREFIX.exec(tag);
    if (tag in WORDS) {
      role ??= WORDS[tag];
    } else if (named && named[2].trim()) {
      step ??= named[2];
    } else if (after && !prev.includes(after[1])) {
      prev.push(after[1]);
    }
  }
  return { role: role ?? (step ? 'step' : 'continues'), step, prev };
}

/** Say where every cell stands. Text and raw cells stand nowhere, and neither do cells that are left out. */
export function readPlaces(cells: readonly ICellValue[]): IPlace[] {
  const parts = new Map<string, number>();
  let tag: string | null = null;
  let name: string | null = null;
  return cells.map(cell => {
    const nowhere = { id: cell.id, index: cell.index, step: null, tag: null, first: false };
    if (cell.kind !== 'code') {
      return { ...nowhere, role: null };
    }
    const read = readTags(cell.tags);
    if (read.role === 'skip' || read.role === 'test') {
      return { ...nowhere, role: read.role };
    }
    let first = false;
    if (read.step !== null && read.step !== tag) {
      const part = (parts.get(read.step) ?? 0) + 1;
      parts.set(read.step, part);
      tag = read.step;
      name = part === 1 ? tag : `${tag}.${part}`;
      first = true;
    } else if (tag === null) {
      tag = name = PRELUDE;
      first = true;
    }
    return { id: cell.id, index: cell.index, role: read.role, step: name, tag, first };
  });
}

/** Return the names of the tagged steps, in the notebook's order. */
export function stepNames(cells: readonly ICellValue[]): string[] {
  const names = new Set<string>();
  for (const place of readPlaces(cells)) {
    if (place.tag !== null && place.tag !== PRELUDE) {
      names.add(place.tag);
    }
  }
  return [...names];
}

export type NameProblem = 'empty' | 'form' | 'reserved' | 'taken';

/** Say why a step cannot be named so; null when it can. `taken` compares as the server does: by letters and digits. */
export function nameProblem(name: string, others: readonly string[]): NameProblem | null {
  if (!name) {
    return 'empty';
  }
  if (!NAME.test(name)) {
    return 'form';
  }
  if (KEYWORDS.has(name) || RESERVED.has(name.toLowerCase())) {
    return 'reserved';
  }
  return others.some(other => plain(other) === plain(name)) ? 'taken' : null;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Whether a tag is one of ours: a role, a step or what it waits for. Kale's settings are not touched by tagging. */
export function isOurs(tag: string): boolean {
  return tag in WORDS || STEP_PREFIX.test(tag) || /^prev:/.test(tag);
}

/** The role a plain word stands for. */
export function wordRole(tag: string): Role | undefined {
  return WORDS[tag];
}
