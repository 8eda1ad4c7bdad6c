/** Check a value against the JSON Schema that Python and this editor share, with a sentence for each thing that is wrong. */

export interface ISchema {
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  minItems?: number;
  minProperties?: number;
  pattern?: string;
  required?: string[];
  properties?: Record<string, ISchema>;
  additionalProperties?: boolean | ISchema;
  propertyNames?: ISchema;
  items?: ISchema;
  anyOf?: ISchema[];
  oneOf?: ISchema[];
  $ref?: string;
  $defs?: Record<string, ISchema>;
}

export interface IProblem {
  /** The setting, its parts joined by dots. */
  where: string;
  text: string;
}

/** Return what of `value` does not fit. */
export function problems(value: unknown, schema: ISchema, root: ISchema = schema, where = ''): IProblem[] {
  const wrong = (text: string): IProblem[] => [{ where, text }];
  if (schema.$ref) {
    const target = root.$defs?.[schema.$ref.replace('#/$defs/', '')];
    return target ? problems(value, target, root, where) : [];
  }
  const either = schema.anyOf ?? schema.oneOf;
  if (either) {
    const answers = either.map(each => problems(value, each, root, where));
    if (!answers.some(found => !found.length)) {
      return answers.sort((a, b) => a.length - b.length)[0];
    }
  }
  if (schema.const !== undefined && schema.const !== value) {
    return wrong(`must be ${JSON.stringify(schema.const)}`);
  }
  if (schema.enum && !schema.enum.includes(value)) {
    return wrong(`must be one of ${schema.enum.join(', ')}, and is ${told(value)}`);
  }
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length && !types.some(type => isOf(value, type))) {
    return wrong(`must be of type ${types.join(' or ')}, and is ${told(value)}`);
  }
  if (typeof value === 'number') {
    return bounds(value, schema).flatMap(wrong);
  }
  if (typeof value === 'string') {
    if (schema.minLength !== undefined && value.length < schema.minLength) {
      return wrong('must not be empty');
    }
    // Python's \w and \W know every script's letters; JavaScript's only ASCII's.
    const pattern = schema.pattern?.replace('[^\\W\\d]\\w*', '[\\p{L}_][\\p{L}\\p{N}_]*');
    return pattern && !new RegExp(pattern, 'u').test(value) ? wrong(`cannot be ${told(value)}`) : [];
  }
  if (Array.isArray(value)) {
    const few = schema.minItems !== undefined && value.length < schema.minItems;
    const inside = value.flatMap((item, i) => (schema.items ? problems(item, schema.items, root, join(where, i)) : []));
    return few ? [...wrong(`needs at least ${schema.minItems}`), ...inside] : inside;
  }
  if (typeof value === 'object' && value !== null) {
    return members(value as Record<string, unknown>, schema, root, where);
  }
  return [];
}

function bounds(value: number, schema: ISchema): string[] {
  const is = `, and is ${value}`;
  return [
    schema.minimum !== undefined && value < schema.minimum && `must be at least ${schema.minimum}${is}`,
    schema.exclusiveMinimum !== undefined &&
      value <= schema.exclusiveMinimum &&
      `must be more than ${schema.exclusiveMinimum}${is}`,
    schema.maximum !== undefined && value > schema.maximum && `must be at most ${schema.maximum}${is}`,
    schema.exclusiveMaximum !== undefined &&
      value >= schema.exclusiveMaximum &&
      `must be less than ${schema.exclusiveMaximum}${is}`
  ].filter((text): text is string => typeof text === 'string');
}

function members(value: Record<string, unknown>, schema: ISchema, root: ISchema, where: string): IProblem[] {
  const found: IProblem[] = [];
  for (const name of schema.required ?? []) {
    if (!(name in value)) {
      found.push({ where, text: `needs \`${name}\`` });
    }
  }
  for (const [name, inner] of Object.entries(value)) {
    const place = join(where, name);
    const known = schema.properties?.[name];
    if (known) {
      found.push(...problems(inner, known, root, place));
    } else if (schema.additionalProperties === false) {
      found.push({ where: place, text: `is not a setting; there are ${Object.keys(schema.properties ?? {}).join(', ')}` });
    } else if (typeof schema.additionalProperties === 'object') {
      found.push(...problems(inner, schema.additionalProperties, root, place));
    }
    if (schema.propertyNames && problems(name, schema.propertyNames, root).length) {
      found.push({ where: place, text: 'is a name that cannot be used: a letter, then letters, digits, `_` or `-`' });
    }
  }
  return found;
}

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'null':
      return value === null;
    default:
      return typeof value === type;
  }
}

function told(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}

function join(where: string, part: string | number): string {
  return where ? `${where}.${part}` : String(part);
}
