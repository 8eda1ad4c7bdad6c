import type { ICellValue } from '../src/tags/grammar';

/** Cells by their tags, separated by spaces; `#` begins a text cell. */
export function cells(...tags: string[]): ICellValue[] {
  return tags.map((line, index) => ({
    id: `c${index}`,
    index,
    kind: line === '#' ? 'markdown' : 'code',
    source: `x${index} = ${index}`,
    tags: line === '#' ? [] : line.split(' ').filter(Boolean),
    settings: {}
  }));
}
