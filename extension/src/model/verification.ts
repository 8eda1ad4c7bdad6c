/** A verification under way, and how it ended. It runs in a process of its own on the server; this only watches it. */

import type { Event } from '@jupyterlab/services';
import { Poll } from '@lumino/polling';
import { Signal, type ISignal } from '@lumino/signaling';

import type { Api } from '../api';
import type { Job } from '../contract';
import { EVENT } from '../tokens';

export class Verification {
  constructor(
    private readonly api: Api,
    readonly path: string,
    readonly id: string,
    private readonly stream: Event.Stream | null
  ) {
    stream?.connect(this.onEvent, this);
    this.poll = new Poll({
      auto: true,
      factory: () => this.fetch(),
      frequency: { interval: 2000, backoff: true, max: 20_000 },
      standby: 'when-hidden',
      name: 'mlops-nb:verify'
    });
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get job(): Job | null {
    return this._job;
  }

  get over(): boolean {
    return this._job !== null && this._job.status !== 'running';
  }

  stop(): Promise<unknown> {
    return this.api.stopJob(this.id, this.path);
  }

  dispose(): void {
    this.stream?.disconnect(this.onEvent, this);
    this.poll.dispose();
    Signal.clearData(this);
  }

  private onEvent(_: Event.IManager, emission: Event.Emission): void {
    if (emission.schema_id === EVENT.job && emission.job === this.id) {
      void this.fetch().catch(() => undefined);
    }
  }

  private async fetch(): Promise<void> {
    this._job = await this.api.job(this.id, this.path);
    if (this.over) {
      void this.poll.stop();
    }
    this._changed.emit();
  }

  private readonly poll: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private _job: Job | null = null;
}
