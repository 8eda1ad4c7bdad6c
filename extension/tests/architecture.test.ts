import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../src', import.meta.url));
/** From the top; an import goes down, never up, and never sideways between the rooms of one floor. */
const FLOORS = [['index'], ['steps', 'pipeline', 'runs', 'entrances'], ['view'], ['model'], ['api'], ['tags'], ['contract', 'tokens']];
const LINES = 350;

interface IFile {
  path: string;
  room: string;
  text: string;
  imports: string[];
}

const files: IFile[] = (readdirSync(ROOT, { recursive: true }) as string[])
  .filter(path => path.endsWith('.ts'))
  .map(path => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const own = path.split('\\').join('/');
    const imports = [...text.matchAll(/from '(\.[^']*)'/g)].map(([, to]) => posix.join(posix.dirname(own), to));
    return { path: own, room: roomOf(own), text, imports: imports.map(roomOf) };
  });

function roomOf(path: string): string {
  return path.split('/')[0].replace(/\.ts$/, '');
}

const floor = (room: string): number => FLOORS.findIndex(rooms => rooms.includes(room));

describe('the package', () => {
  it('asks JupyterLab for no newer packages than it names', () => {
    // Otherwise the builder would ask for those of the JupyterLab that it is of itself.
    const { dependencies, jupyterlab } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    const shared = Object.entries(jupyterlab.sharedPackages).map(([name, { requiredVersion }]: any) => [name, requiredVersion]);
    expect(Object.fromEntries(shared)).toEqual(dependencies);
  });
});

describe('the house', () => {
  it('has a floor for every room', () => {
    expect(files.filter(file => floor(file.room) < 0).map(file => file.path)).toEqual([]);
  });

  it('is climbed downwards only', () => {
    const wrong = files.flatMap(file =>
      file.imports.filter(to => to !== file.room && floor(to) <= floor(file.room)).map(to => `${file.path} imports ${to}`)
    );
    expect(wrong).toEqual([]);
  });

  it('has no page in its model', () => {
    const below = files.filter(file => floor(file.room) >= floor('model'));
    const dom = below.filter(file => /\b(document|window|HTMLElement)\b\./.test(file.text));
    expect(dom.map(file => file.path)).toEqual([]);
  });

  it('has one door to the server', () => {
    const doors = files.filter(file => /makeRequest|(?<![.\w] ?)fetch\(|XMLHttpRequest/.test(file.text.replace(/(private async |this\.)fetch/g, '')));
    expect(doors.map(file => file.path)).toEqual(['api.ts']);
  });

  it('makes no markup of text', () => {
    expect(files.filter(file => /innerHTML|insertAdjacentHTML/.test(file.text)).map(file => file.path)).toEqual([]);
  });

  it('has small files', () => {
    const long = files.filter(file => file.room !== 'contract' && file.text.split('\n').length > LINES);
    expect(long.map(file => relative(ROOT, join(ROOT, file.path)))).toEqual([]);
  });
});
