/** Models: versions with their evidence, aliases, and moves of aliases after a confirmation that says what changes. */

import type { AliasChange, ModelDetail, ModelVersion } from '../contract';
import { moment, plain } from '../model/format';
import { Body, attempt } from '../view/dialogs';
import { button, h } from '../view/elements';
import type { IView } from './browser';
import { part, table } from './tables';
import { Dialog, showDialog } from '@jupyterlab/apputils';

export async function modelList(view: IView): Promise<Node> {
  const models = await view.api.models(view.path);
  const { trans } = view;
  if (!models.length) {
    return h('p', { class: 'mn-faint' }, trans.__('No models. A run registers what a step declares as an output of the type model.'));
  }
  return table(
    [trans.__('model'), trans.__('versions'), trans.__('aliases'), trans.__('since')],
    models.map(model => [
      button(model.name, () => view.go({ at: 'model', model: model.name }), { class: 'mn-link', 'data-model': model.name }),
      String(model.versions),
      Object.entries(model.aliases)
        .map(([alias, version]) => `${alias} → ${version}`)
        .join(', '),
      moment(model.created)
    ]),
    { class: 'mn-table mn-rows' }
  );
}

export async function modelDetail(view: IView, name: string): Promise<Node> {
  const detail = await view.api.model(name, view.path);
  const { trans } = view;
  const champion = detail.model.aliases.champion;
  return h(
    'article',
    { class: 'mn-model', 'data-model': name },
    h(
      'header',
      {},
      h('h2', {}, name),
      h(
        'p',
        { class: 'mn-faint' },
        champion === undefined ? trans.__('No version is the champion yet.') : trans.__('The champion is version %1.', champion)
      ),
      detail.model.aliases.previous === undefined
        ? null
        : h('div', { class: 'mn-actions' }, button(trans.__('Roll back…'), () => rollBack(view, detail), { 'data-key': 'rollback' }))
    ),
    part(trans.__('Versions'), ...detail.versions.map(version => versionCard(view, detail, version))),
    part(
      trans.__('How aliases moved'),
      detail.moves.length
        ? table(
            [trans.__('when'), trans.__('alias'), trans.__('from'), trans.__('to'), trans.__('who'), trans.__('why'), trans.__('evidence')],
            detail.moves.map(move => [
              moment(move.at),
              move.alias,
              told(move.replaced),
              told(move.version),
              move.who,
              move.why,
              move.verdicts.map(id => `#${id}`).join(', ')
            ]),
            { class: 'mn-table mn-rows' }
          )
        : null
    )
  );
}

function versionCard(view: IView, detail: ModelDetail, version: ModelVersion): HTMLElement {
  const { trans } = view;
  const isChampion = detail.model.aliases.champion === version.version;
  return h(
    'div',
    { class: 'mn-version', 'data-version': version.version },
    h(
      'div',
      { class: 'mn-version-head' },
      h('strong', {}, trans.__('Version %1', version.version)),
      ...version.aliases.map(alias => h('span', { class: 'mn-alias' }, alias)),
      h('span', { class: 'mn-faint' }, [moment(version.created), version.format, version.digest.replace(/^\w+:/, '').slice(0, 10)].filter(Boolean).join(' · ')),
      version.run ? button(version.run, () => view.go({ at: 'run', run: version.run! }), { class: 'mn-link' }) : null,
      isChampion
        ? null
        : button(trans.__('Promote…'), () => promote(view, detail, version), { class: 'mn-small', 'data-key': `promote-${version.version}` })
    ),
    Object.keys(version.metrics).length
      ? h('p', { class: 'mn-metrics' }, ...Object.entries(version.metrics).map(([name, value]) => h('span', {}, h('span', { class: 'mn-faint' }, name), ` ${plain(value)}`)))
      : null,
    version.verdicts.length
      ? h(
          'ul',
          { class: 'mn-verdicts' },
          ...version.verdicts.map(verdict =>
            h('li', { class: `mn-decision-${verdict.decision}` }, h('strong', {}, verdict.decision), ` ${verdict.judge}`, h('span', { class: 'mn-faint' }, ` #${verdict.id} · ${moment(verdict.at)} · ${verdict.who}`))
          )
        )
      : h('p', { class: 'mn-faint' }, trans.__('No judge has looked at this version.'))
  );
}

async function promote(view: IView, detail: ModelDetail, version: ModelVersion): Promise<void> {
  const name = detail.model.name;
  const before = detail.model.aliases.champion ?? null;
  const asked = { alias: 'champion', version: version.version, expected: before };
  const change = await attempt(() => view.api.moveAlias(name, view.path, { ...asked, why: '-', dry_run: true }));
  const why = change && (await askWhy(view, view.trans.__('Promote version %1 of %2', version.version, name), change, view.trans.__('Promote')));
  if (why) {
    await attempt(() => view.api.moveAlias(name, view.path, { ...asked, why }));
    view.go({ at: 'model', model: name });
  }
}

async function rollBack(view: IView, detail: ModelDetail): Promise<void> {
  const name = detail.model.name;
  const asked = { expected: detail.model.aliases.champion };
  const change = await attempt(() => view.api.rollback(name, view.path, { ...asked, why: '-', dry_run: true }));
  const why = change && (await askWhy(view, view.trans.__('Roll back %1', name), change, view.trans.__('Roll back')));
  if (why) {
    await attempt(() => view.api.rollback(name, view.path, { ...asked, why }));
    view.go({ at: 'model', model: name });
  }
}

/** Say what would change, and ask why; null when the person does not want it. */
async function askWhy(view: IView, title: string, change: AliasChange, accept: string): Promise<string | null> {
  const { trans } = view;
  const why = h('input', { class: 'mn-input', 'aria-label': trans.__('Why'), autocomplete: 'off' });
  const body = new Body(
    h(
      'div',
      {},
      h('p', {}, trans.__('This will change, at once and for everyone:')),
      table(
        [trans.__('alias'), trans.__('from version'), trans.__('to version')],
        change.changes.map(({ alias, from, to }) => [alias, told(from), told(to)])
      ),
      h('label', {}, h('span', { class: 'mn-label' }, trans.__('Why (kept in the record)')), why)
    ),
    () => why.value.trim()
  );
  why.addEventListener('input', () => body.allow(Boolean(why.value.trim())));
  requestAnimationFrame(() => body.allow(false));
  const answer = await showDialog({
    title,
    body,
    buttons: [Dialog.cancelButton({ label: trans.__('Cancel') }), Dialog.warnButton({ label: accept })],
    focusNodeSelector: 'input'
  });
  return answer.button.accept && answer.value ? answer.value : null;
}

function told(version: number | null): string {
  return version === null ? '–' : String(version);
}
