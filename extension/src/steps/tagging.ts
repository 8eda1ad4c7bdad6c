/** What a person does to the cells at hand: each verb asks what it must know, and makes one edit that can be undone. */

import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Pipeline } from '../model/pipeline';
import * as edits from '../tags/edits';
import { nameProblem, stepNames, type NameProblem, type Role } from '../tags/grammar';
import { PRELUDE } from '../tags/grammar';
import { askText } from '../view/dialogs';

export class Tagging {
  constructor(
    readonly panel: NotebookPanel,
    readonly pipeline: Pipeline,
    private readonly trans: TranslationBundle
  ) {}

  /** The selected cells, or the active one. */
  get selected(): number[] {
    const notebook = this.panel.content;
    const chosen = notebook.widgets.flatMap((cell, index) => (notebook.isSelected(cell) ? [index] : []));
    return chosen.length ? chosen : [notebook.activeCellIndex];
  }

  get active(): number {
    return this.panel.content.activeCellIndex;
  }

  /** The name on the tags of the active cell's step; null where it is in none that was tagged. */
  get step(): string | null {
    const tag = this.pipeline.places[this.active]?.tag ?? null;
    return tag === PRELUDE ? null : tag;
  }

  async newStep(name?: string): Promise<void> {
    const cells = this.pipeline.source.cells();
    const chosen = this.selected;
    const names = stepNames(cells);
    const given =
      name ??
      (await askText(this.trans, {
        title: this.trans.__('New step'),
        label: this.trans.__('Name of the step that begins here'),
        accept: this.trans.__('Tag'),
        note: this.trans.__('Cells below without a tag of their own go with it.'),
        problem: text => this.told(nameProblem(text, names))
      }));
    if (given !== null) {
      this.edit(edits.newStep(this.pipeline.source.cells(), chosen, given));
    }
  }

  joinAbove(): void {
    this.edit(edits.joinAbove(this.pipeline.source.cells(), this.selected));
  }

  joinBelow(): void {
    this.edit(edits.joinBelow(this.pipeline.source.cells(), this.selected));
  }

  setRole(role: Role): void {
    this.edit(edits.setRole(this.pipeline.source.cells(), this.selected, role));
  }

  toggleMetrics(): void {
    this.edit(edits.toggleMetrics(this.pipeline.source.cells(), this.selected));
  }

  removeTags(): void {
    this.edit(edits.removeTags(this.pipeline.source.cells(), this.selected));
  }

  dependencies(): { name: string; on: boolean }[] {
    return edits.dependencies(this.pipeline.source.cells(), this.active);
  }

  toggleDependsOn(name: string): void {
    this.edit(edits.toggleDependsOn(this.pipeline.source.cells(), this.active, name));
  }

  async dependsOn(): Promise<void> {
    const possible = this.dependencies().map(({ name }) => name);
    const index = this.active;
    const name = await askText(this.trans, {
      title: this.trans.__('Depends on'),
      label: this.trans.__('A step above, which this one waits for even when it reads nothing of it'),
      accept: this.trans.__('Change'),
      value: possible.length === 1 ? possible[0] : '',
      list: possible,
      note: possible.length ? this.trans.__('Above: %1', possible.join(', ')) : this.trans.__('There is no step above.'),
      problem: text => (possible.includes(text) ? null : this.trans.__('There is no step of this name above.'))
    });
    if (name !== null) {
      this.edit(edits.toggleDependsOn(this.pipeline.source.cells(), index, name));
    }
  }

  async rename(): Promise<void> {
    const from = this.step;
    if (from === null) {
      return;
    }
    const others = stepNames(this.pipeline.source.cells()).filter(name => name !== from);
    const to = await askText(this.trans, {
      title: this.trans.__('Rename step'),
      label: this.trans.__('New name of step %1, wherever a tag names it', from),
      accept: this.trans.__('Rename'),
      value: from,
      problem: text => this.told(nameProblem(text, others))
    });
    if (to !== null && to !== from) {
      this.edit(edits.renameStep(this.pipeline.source.cells(), from, to));
    }
  }

  private edit(found: edits.ITagEdit[]): void {
    this.pipeline.source.edit(found);
  }

  private told(problem: NameProblem | null): string | null {
    switch (problem) {
      case null:
        return null;
      case 'empty':
        return this.trans.__('A step needs a name.');
      case 'form':
        return this.trans.__('A name is a letter, then letters, digits, _ or -, 63 at most.');
      case 'reserved':
        return this.trans.__('This word is reserved.');
      case 'taken':
        return this.trans.__('There is a step of this name, or of one that differs in case or punctuation only.');
    }
  }
}
