/** The one door to the server. Every call is typed by its OpenAPI document; every refusal is an `ApiError`. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type * as contract from './contract';
import type { ISchema } from './tags/schema';

/** A refusal: the fact and, where there is one, the next act. `status` 0 means that no server answered. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code = '',
    readonly hint = '',
    readonly diagnostics: contract.Diagnostic[] = []
  ) {
    super(message);
  }
}

type Query = Record<string, string | number | null | undefined>;

export class Api {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  plan(asked: contract.PlanRequest): Promise<contract.Plan> {
    return this.post('plan', asked);
  }

  suggest(asked: contract.NotebookRequest): Promise<contract.Suggestion> {
    return this.post('suggest', asked);
  }

  compile(asked: contract.CompileRequest): Promise<contract.Compiled> {
    return this.post('compile', asked);
  }

  settingsSchema(): Promise<ISchema> {
    return this.get('settings-schema');
  }

  runs(query: Query): Promise<contract.RunPage> {
    return this.get('runs', query);
  }

  start(asked: contract.RunRequest): Promise<contract.Accepted> {
    return this.post('runs', asked);
  }

  run(run: string, path: string): Promise<contract.RunDetail> {
    return this.get(below('runs', run), { path });
  }

  events(run: string, path: string, after: number): Promise<contract.RunEvents> {
    return this.get(below('runs', run, 'events'), { path, after });
  }

  stop(run: string, path: string): Promise<contract.Accepted> {
    return this.post(below('runs', run, 'stop'), {}, { path });
  }

  resume(run: string, path: string, asked: contract.ResumeRequest): Promise<contract.Accepted> {
    return this.post(below('runs', run, 'resume'), asked, { path });
  }

  decide(run: string, path: string, asked: contract.DecisionRequest): Promise<contract.DecisionAnswer> {
    return this.post(below('runs', run, 'decision'), asked, { path });
  }

  log(run: string, path: string): Promise<string> {
    return this.request('GET', below('runs', run, 'log'), { path }, undefined, answer => answer.text());
  }

  stepNotebook(run: string, step: string, path: string): Promise<IStepNotebook> {
    return this.get(below('runs', run, 'steps', step, 'notebook'), { path });
  }

  report(run: string, path: string): Promise<string> {
    return this.request('GET', below('runs', run, 'report'), { path }, undefined, answer => answer.text());
  }

  /** A figure or table of a run, from the link in its detail. */
  artifact(href: string): Promise<Blob> {
    return this.request('GET', href.replace(/^\/+/, ''), {}, undefined, answer => answer.blob());
  }

  verify(asked: contract.VerifyRequest): Promise<contract.JobAccepted> {
    return this.post('verify', asked);
  }

  job(job: string, path: string): Promise<contract.Job> {
    return this.get(below('jobs', job), { path });
  }

  stopJob(job: string, path: string): Promise<unknown> {
    return this.post(below('jobs', job, 'stop'), {}, { path });
  }

  open(asked: contract.OpenRequest, path: string): Promise<contract.Opened> {
    return this.post('open', asked, { path });
  }

  compare(runs: string[], path: string): Promise<contract.Comparison> {
    return this.post('compare', { runs }, { path });
  }

  models(path: string): Promise<contract.Model[]> {
    return this.get<{ models: contract.Model[] }>('models', { path }).then(answer => answer.models);
  }

  model(name: string, path: string): Promise<contract.ModelDetail> {
    return this.get(below('models', name), { path });
  }

  moveAlias(name: string, path: string, asked: contract.AliasRequest): Promise<contract.AliasChange> {
    return this.post(below('models', name, 'aliases'), asked, { path });
  }

  rollback(name: string, path: string, asked: contract.RollbackRequest): Promise<contract.AliasChange> {
    return this.post(below('models', name, 'rollback'), asked, { path });
  }

  probeCode(path: string): Promise<contract.Probe> {
    return this.get('probe', { path });
  }

  probe(asked: contract.ProbeRequest): Promise<contract.KernelState> {
    return this.post('probe', asked);
  }

  private get<T>(route: string, query: Query = {}): Promise<T> {
    return this.request('GET', route, query);
  }

  private post<T>(route: string, body: object, query: Query = {}): Promise<T> {
    return this.request('POST', route, query, body);
  }

  private async request<T>(
    method: string,
    route: string,
    query: Query,
    body?: object,
    read: (answer: Response) => Promise<unknown> = answer => answer.json()
  ): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
    const url =
      URLExt.join(this.settings.baseUrl, 'mlops-nb/api', route) +
      (given.length ? URLExt.objectToQueryString(Object.fromEntries(given) as Record<string, string>) : '');
    const init: RequestInit = { method, ...(body ? { body: JSON.stringify(body) } : {}) };
    let answer: Response;
    try {
      answer = await ServerConnection.makeRequest(url, init, this.settings);
    } catch {
      throw new ApiError('The server does not answer.', 0);
    }
    if (!answer.ok) {
      throw await refusal(answer);
    }
    return (await read(answer)) as T;
  }
}

/** The executed notebook of a step: nbformat's JSON, as far as it is shown. */
export interface IStepNotebook {
  cells: { cell_type: string; source: string | string[]; outputs?: Record<string, unknown>[] }[];
  metadata: Record<string, unknown>;
}

function below(...parts: string[]): string {
  return parts.map(encodeURIComponent).join('/');
}

async function refusal(answer: Response): Promise<ApiError> {
  const told = (await answer.json().catch(() => null)) as Partial<contract.Error> & { message?: string; reason?: string };
  const error = told?.error;
  return error
    ? new ApiError(error.message, answer.status, error.code, error.hint, told.diagnostics)
    : new ApiError(told?.message ?? told?.reason ?? answer.statusText, answer.status);
}
