/** The pipelines of all open notebooks; the other plugins ask for the one at hand. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Event } from '@jupyterlab/services';
import { Token } from '@lumino/coreutils';
import { Signal, type ISignal } from '@lumino/signaling';

import type { Api } from '../api';
import { EXTENSION } from '../tokens';
import { NotebookSource } from './notebook';
import { DEFAULTS, Pipeline, type IOptions } from './pipeline';

export interface IPipelines {
  readonly api: Api;
  readonly current: Pipeline | null;
  readonly currentPanel: NotebookPanel | null;
  /** Emits when another notebook is at hand. */
  readonly currentChanged: ISignal<IPipelines, void>;
  /** Emits each pipeline once, with its notebook. */
  readonly added: ISignal<IPipelines, [NotebookPanel, Pipeline]>;
  of(panel: NotebookPanel): Pipeline | undefined;
  all(): [NotebookPanel, Pipeline][];
  configure(options: Partial<IOptions>): void;
}

export const IPipelines = new Token<IPipelines>(
  `${EXTENSION}:IPipelines`,
  'The pipelines of the notebooks that are open.'
);

export class Pipelines implements IPipelines {
  constructor(
    readonly api: Api,
    private readonly tracker: INotebookTracker,
    private readonly stream: Event.Stream | null
  ) {
    tracker.widgetAdded.connect((_, panel) => this.add(panel));
    tracker.currentChanged.connect(() => this._currentChanged.emit());
    tracker.forEach(panel => this.add(panel));
  }

  get current(): Pipeline | null {
    return (this.tracker.currentWidget && this.pipelines.get(this.tracker.currentWidget)) ?? null;
  }

  get currentPanel(): NotebookPanel | null {
    return this.tracker.currentWidget;
  }

  get currentChanged(): ISignal<this, void> {
    return this._currentChanged;
  }

  get added(): ISignal<this, [NotebookPanel, Pipeline]> {
    return this._added;
  }

  of(panel: NotebookPanel): Pipeline | undefined {
    return this.pipelines.get(panel);
  }

  all(): [NotebookPanel, Pipeline][] {
    return [...this.pipelines];
  }

  configure(options: Partial<IOptions>): void {
    this.options = { ...this.options, ...options };
    this.pipelines.forEach(pipeline => pipeline.configure(this.options));
  }

  private add(panel: NotebookPanel): void {
    void panel.context.ready.then(() => {
      if (panel.isDisposed || this.pipelines.has(panel)) {
        return;
      }
      const pipeline = new Pipeline(new NotebookSource(panel.context), this.api, this.stream, this.options);
      this.pipelines.set(panel, pipeline);
      panel.disposed.connect(() => {
        this.pipelines.delete(panel);
        pipeline.dispose();
      });
      this._added.emit([panel, pipeline]);
      if (panel === this.tracker.currentWidget) {
        this._currentChanged.emit();
      }
    });
  }

  private options: IOptions = DEFAULTS;
  private readonly pipelines = new Map<NotebookPanel, Pipeline>();
  private readonly _currentChanged = new Signal<this, void>(this);
  private readonly _added = new Signal<this, [NotebookPanel, Pipeline]>(this);
}
