/**
 * Follow one run: fetch it, then take its events as they come; when some were missed (a hidden tab, a sleeping laptop, a
 * server that was started anew) fetch them. The record on the server is the truth, the stream only makes it quick.
 */

import type { Event } from '@jupyterlab/services';
import { Poll } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import type { Api } from '../api';
import type { RunDetail, RunEvent } from '../contract';
import { EVENT } from '../tokens';
import { after, fromDetail, isOver, type IProgress } from './progress';

const INTERVAL_MS = 3000;

export class Follower {
  constructor(
    private readonly api: Api,
    private readonly path: () => string,
    private readonly stream: Event.Stream | null
  ) {
    this.stream?.connect(this.onEvent, this);
    this.poll = new Poll({
      auto: false,
      factory: () => this.catchUp(),
      frequency: { interval: INTERVAL_MS, backoff: true, max: 30_000 },
      standby: 'when-hidden',
      name: 'mlops-nb:follow-run'
    });
  }

  /** Emits after every change of `progress` or `detail`. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** How far the run is; null when none is followed. */
  get progress(): IProgress | null {
    return this._progress;
  }

  /** All that the server told of the run when it was last fetched. */
  get detail(): RunDetail | null {
    return this._detail;
  }

  /** Whether the followed run is under way, as far as is known. */
  get active(): boolean {
    return this._run !== null && (this._progress ? !isOver(this._progress.status) : this.expected);
  }

  /**
   * Follow this run from now on. Following the same one again only makes sure that nothing was missed.
   *
   * `expected` says whether it is under way, until the server has told.
   */
  async follow(run: string, expected = true): Promise<void> {
    this.expected = expected;
    if (this._run !== run) {
      this._run = run;
      this._progress = null;
      this._detail = null;
      this._changed.emit();
    }
    try {
      await this.fetch();
    } finally {
      // Also when the server did not answer: it is asked again until it does.
      if (this.active) {
        void this.poll.start();
      }
    }
  }

  /** Look whether something was missed; for when the tab is seen again or the connection is back. */
  async catchUp(): Promise<void> {
    if (!this._progress || !this._run) {
      return this._run ? this.fetch() : undefined;
    }
    const run = this._run;
    const { events, status } = await this.api.events(run, this.path(), this._progress.seq);
    if (run !== this._run) {
      return;
    }
    events.forEach(event => this.take(event));
    if (status !== this._progress.status && isOver(status)) {
      // A run that died wrote no last event.
      await this.fetch();
    }
  }

  dispose(): void {
    this.stream?.disconnect(this.onEvent, this);
    this.poll.dispose();
    this._run = null;
    Signal.clearData(this);
  }

  private async fetch(): Promise<void> {
    const run = this._run;
    if (!run) {
      return;
    }
    const detail = await this.api.run(run, this.path());
    if (run !== this._run) {
      return;
    }
    this._detail = detail;
    // Events that overtook the answer are not lost: they are asked for again by number.
    this._progress = fromDetail(detail);
    this.settle();
    this._changed.emit();
  }

  private onEvent(_: Event.IManager, emission: Event.Emission): void {
    if (emission.schema_id === EVENT.run && emission.run === this._run) {
      this.take(emission as unknown as RunEvent);
    }
  }

  private take(event: RunEvent): void {
    if (!this._progress) {
      return;
    }
    const next = after(this._progress, event);
    if (next === null) {
      void this.catchUp().catch(() => undefined);
    } else if (next !== this._progress) {
      this._progress = next;
      this._changed.emit();
      if (event.kind === 'run-done' || event.kind === 'run-refused') {
        void this.fetch().catch(() => undefined);
      }
    }
  }

  private settle(): void {
    if (!this.active) {
      void this.poll.stop();
    }
  }

  private readonly poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private expected = true;
  private _run: string | null = null;
  private _progress: IProgress | null = null;
  private _detail: RunDetail | null = null;
}
