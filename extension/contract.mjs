// Write the TypeScript types of the server's answers from its OpenAPI document: `node contract.mjs`.
// With `--check`, say whether src/contract.ts is what it would write.
import { readFileSync, writeFileSync } from 'node:fs';

const document = JSON.parse(
  readFileSync(new URL('../mlops_nb/jupyter/openapi.json', import.meta.url), 'utf8')
);
const target = new URL('./src/contract.ts', import.meta.url);

function type(schema, indent) {
  if (!schema || Object.keys(schema).every(key => key === 'description' || key === 'title')) {
    return 'unknown';
  }
  if (schema.$ref) {
    return schema.$ref.split('/').pop();
  }
  if (schema.enum) {
    return schema.enum.map(value => (value === null ? 'null' : `'${value}'`)).join(' | ');
  }
  for (const word of ['anyOf', 'oneOf']) {
    if (schema[word]) {
      return schema[word].map(one => type(one, indent)).join(' | ');
    }
  }
  if (Array.isArray(schema.type)) {
    return schema.type.map(one => type({ ...schema, type: one }, indent)).join(' | ');
  }
  switch (schema.type) {
    case 'integer':
      return 'number';
    case 'array': {
      const items = type(schema.items, indent);
      return /[ |]/.test(items) ? `Array<${items}>` : `${items}[]`;
    }
    case 'object':
      return object(schema, indent);
    default:
      return schema.type ?? 'unknown';
  }
}

function object(schema, indent) {
  const properties = Object.entries(schema.properties ?? {});
  if (!properties.length) {
    const values = typeof schema.additionalProperties === 'object' ? type(schema.additionalProperties, indent) : 'unknown';
    return `{ [name: string]: ${values} }`;
  }
  const required = new Set(schema.required ?? []);
  const deeper = `${indent}  `;
  const lines = properties.map(([name, value]) => {
    const told = value.description ? `${deeper}/** ${value.description} */\n` : '';
    return `${told}${deeper}${name}${required.has(name) ? '' : '?'}: ${type(value, deeper)};`;
  });
  return `{\n${lines.join('\n')}\n${indent}}`;
}

const types = Object.entries(document.components.schemas).map(
  ([name, schema]) =>
    `${schema.description ? `/** ${schema.description} */\n` : ''}export type ${name} = ${type(schema, '')};`
);
const text = `// Written from mlops_nb/jupyter/openapi.json by \`npm run contract\`: change that, not this.

${types.join('\n\n')}
`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('src/contract.ts is not what openapi.json says: run `npm run contract`.');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
