/** A notebook in the editor, as far as a pipeline is concerned: its cells as values, and edits that can be undone. */

import type { DocumentRegistry } from '@jupyterlab/docregistry';
import type { INotebookModel } from '@jupyterlab/notebook';
import { Signal, type ISignal } from '@lumino/signaling';

import type { ITagEdit } from '../tags/edits';
import type { ICellValue } from '../tags/grammar';
import type { ISettingsEdit } from '../tags/settings';
import { SETTINGS_KEY } from '../tokens';

export interface INotebookSource {
  readonly path: string;
  /** Emits when something may have changed; seldom something that matters here. */
  readonly changed: ISignal<INotebookSource, void>;
  readonly saved: ISignal<INotebookSource, void>;
  cells(): ICellValue[];
  /** The notebook's JSON without outputs. */
  content(): Record<string, unknown>;
  save(): Promise<void>;
  edit(tags: readonly ITagEdit[], settings?: readonly ISettingsEdit[]): void;
  dispose(): void;
}

export class NotebookSource implements INotebookSource {
  constructor(private readonly context: DocumentRegistry.IContext<INotebookModel>) {
    context.model.contentChanged.connect(this.onChange, this);
    context.model.cells.changed.connect(this.onCells, this);
    context.saveState.connect(this.onSaved, this);
    this.onCells();
  }

  get path(): string {
    return this.context.path;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get saved(): ISignal<this, void> {
    return this._saved;
  }

  cells(): ICellValue[] {
    return this.context.model.sharedModel.cells.map((cell, index) => {
      const tags = cell.getMetadata('tags');
      const settings = cell.getMetadata(SETTINGS_KEY);
      return {
        id: cell.id,
        index,
        kind: cell.cell_type,
        source: cell.getSource(),
        tags: Array.isArray(tags) ? tags.map(String) : [],
        settings: settings && typeof settings === 'object' ? (settings as Record<string, unknown>) : {}
      };
    });
  }

  content(): Record<string, unknown> {
    const { sharedModel, nbformat, nbformatMinor } = this.context.model;
    return {
      cells: sharedModel.cells.map(cell => ({
        cell_type: cell.cell_type,
        ...(nbformatMinor >= 5 ? { id: cell.id } : {}),
        metadata: cell.getMetadata(),
        source: cell.getSource(),
        ...(cell.cell_type === 'code' ? { outputs: [], execution_count: null } : {})
      })),
      metadata: sharedModel.getMetadata(),
      nbformat,
      nbformat_minor: nbformatMinor
    };
  }

  async save(): Promise<void> {
    if (this.context.model.dirty) {
      await this.context.save();
    }
  }

  edit(tags: readonly ITagEdit[], settings: readonly ISettingsEdit[] = []): void {
    if (!tags.length && !settings.length) {
      return;
    }
    const { sharedModel } = this.context.model;
    const manager = (sharedModel as { undoManager?: { stopCapturing(): void } }).undoManager;
    // Without this, Yjs would make one step of undo of this edit and of what was typed just before.
    manager?.stopCapturing();
    sharedModel.transact(() => {
      for (const edit of tags) {
        const cell = sharedModel.getCell(edit.index);
        if (edit.tags.length) {
          cell.setMetadata('tags', edit.tags);
        } else {
          cell.deleteMetadata('tags');
        }
      }
      for (const edit of settings) {
        const cell = sharedModel.getCell(edit.index);
        if (Object.keys(edit.settings).length) {
          cell.setMetadata(SETTINGS_KEY, edit.settings as never);
        } else {
          cell.deleteMetadata(SETTINGS_KEY);
        }
      }
    });
    manager?.stopCapturing();
    this._changed.emit();
  }

  dispose(): void {
    Signal.disconnectReceiver(this);
    Signal.clearData(this);
  }

  private onCells(): void {
    for (const cell of this.context.model.cells) {
      cell.metadataChanged.connect(this.onChange, this);
    }
    this.onChange();
  }

  private onChange(): void {
    this._changed.emit();
  }

  private onSaved(_: unknown, state: DocumentRegistry.SaveState): void {
    if (state === 'completed') {
      this._saved.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _saved = new Signal<this, void>(this);
}
