/** Parameter values as a person types them, by the types that the server names. */

export interface ITyped {
  value?: unknown;
  /** What is wrong with the text. */
  wrong?: 'integer' | 'number' | 'json' | 'list' | 'object';
}

/** Read what was typed as a value of a type. */
export function parseValue(text: string, type: string, nullable = false): ITyped {
  const typed = text.trim();
  if (nullable && (typed === '' || typed === 'None' || typed === 'null')) {
    return { value: null };
  }
  switch (type) {
    case 'int':
      return /^[-+]?\d+$/.test(typed) ? { value: Number(typed) } : { wrong: 'integer' };
    case 'float':
      return typed !== '' && Number.isFinite(Number(typed)) ? { value: Number(typed) } : { wrong: 'number' };
    case 'bool':
      return { value: typed === 'true' || typed === 'True' };
    case 'list':
    case 'tuple':
      return parsed(typed, Array.isArray, 'list');
    case 'dict':
      return parsed(typed, value => typeof value === 'object' && value !== null && !Array.isArray(value), 'object');
    case 'any':
    case 'none':
      return parsed(typed, () => true, 'json');
    default:
      return { value: text };
  }
}

/** Show a value as it would be typed. */
export function showValue(value: unknown, type: string): string {
  if (value === null || value === undefined) {
    return '';
  }
  if (type === 'float' && Number.isInteger(value)) {
    return `${value}.0`;
  }
  return typeof value === 'string' && type !== 'any' && type !== 'none' ? value : JSON.stringify(value);
}

function parsed(text: string, fits: (value: unknown) => boolean, wrong: ITyped['wrong']): ITyped {
  try {
    const value: unknown = JSON.parse(text);
    return fits(value) ? { value } : { wrong };
  } catch {
    return { wrong };
  }
}
