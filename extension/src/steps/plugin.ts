/** Cells: their margin, and the commands that tag them. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { MenuSvg } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';

import { IPipelines } from '../model/pipelines';
import type { IOptions } from '../model/pipeline';
import { COMMAND, EXTENSION, PLUGIN } from '../tokens';
import { tagIcon } from '../view/icons';
import { Gutter } from './gutter';
import { editSettings } from './settings';
import { Tagging } from './tagging';

export const steps: JupyterFrontEndPlugin<void> = {
  id: PLUGIN.steps,
  description: 'Shows the step of every cell in its margin, and tags cells.',
  autoStart: true,
  requires: [INotebookTracker, IPipelines],
  optional: [ITranslator, ICommandPalette, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    pipelines: IPipelines,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    registry: ISettingRegistry | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(EXTENSION);
    const tagging = (): Tagging | null => {
      const panel = tracker.currentWidget;
      const pipeline = panel && pipelines.of(panel);
      return panel && pipeline ? new Tagging(panel, pipeline, trans) : null;
    };
    addCommands(app, tagging, trans, palette);
    const menus = new Menus(app, tagging, trans);
    app.commands.addCommand(COMMAND.tagMenu, {
      label: trans.__('Step of This Cell…'),
      caption: trans.__('Tag this cell: new step, join a step, parameters, imports, skip…'),
      icon: tagIcon,
      isEnabled: () => tagging() !== null,
      execute: () => {
        const cell = tracker.activeCell?.node;
        const at = cell?.querySelector('.jp-cell-toolbar') ?? cell?.querySelector('.mn-chip') ?? cell;
        if (at) {
          menus.open(at.getBoundingClientRect());
        }
      }
    });
    palette?.addItem({ command: COMMAND.tagMenu, category: trans.__('Pipeline') });
    pipelines.added.connect((_, [panel, pipeline]) => {
      new Gutter(panel, pipeline, trans, (cell, at) => {
        panel.content.activeCellIndex = cell;
        panel.content.deselectAll();
        menus.open(at);
      });
    });
    void registry?.load(PLUGIN.steps).then(settings => {
      const apply = (): void => pipelines.configure(settings.composite as Partial<IOptions>);
      settings.changed.connect(apply);
      apply();
    });
  }
};

/** A command of the palette, the menus and the keyboard, for the cells at hand. */
interface IVerb {
  id: string;
  label: string;
  caption?: string;
  act: (tagging: Tagging) => unknown;
  can?: (tagging: Tagging) => boolean;
}

function addCommands(
  app: JupyterFrontEnd,
  tagging: () => Tagging | null,
  trans: TranslationBundle,
  palette: ICommandPalette | null
): void {
  const inStep = (at: Tagging): boolean => at.step !== null;
  const verbs: IVerb[] = [
    { id: COMMAND.newStep, label: trans.__('New Step Here…'), act: at => at.newStep() },
    { id: COMMAND.joinAbove, label: trans.__('Join the Step Above'), act: at => at.joinAbove() },
    { id: COMMAND.joinBelow, label: trans.__('Join the Step Below'), act: at => at.joinBelow() },
    { id: COMMAND.dependsOn, label: trans.__('Depends on…'), act: at => at.dependsOn(), can: inStep },
    { id: COMMAND.parameters, label: trans.__('Parameters'), act: at => at.setRole('parameters') },
    { id: COMMAND.imports, label: trans.__('Imports'), act: at => at.setRole('imports') },
    { id: COMMAND.functions, label: trans.__('Functions'), act: at => at.setRole('functions') },
    { id: COMMAND.metrics, label: trans.__('Publish Metrics'), act: at => at.toggleMetrics() },
    { id: COMMAND.skip, label: trans.__('Skip: Not Part of the Pipeline'), act: at => at.setRole('skip') },
    { id: COMMAND.test, label: trans.__('Test: Not Part of a Run'), act: at => at.setRole('test') },
    { id: COMMAND.removeTags, label: trans.__('Remove Pipeline Tags'), act: at => at.removeTags() },
    { id: COMMAND.renameStep, label: trans.__('Rename Step…'), act: at => at.rename(), can: inStep },
    {
      id: COMMAND.stepSettings,
      label: trans.__('Settings of the Step…'),
      act: at => editSettings(at.pipeline, at.active, trans),
      can: at => at.pipeline.places[at.active]?.tag !== null
    }
  ];
  for (const { id, label, act, can } of verbs) {
    app.commands.addCommand(id, {
      label,
      isEnabled: () => {
        const at = tagging();
        return at !== null && (can?.(at) ?? true);
      },
      execute: async args => {
        const at = tagging();
        if (at && id === COMMAND.newStep && typeof args.name === 'string') {
          await at.newStep(args.name);
        } else if (at) {
          await act(at);
        }
      }
    });
    palette?.addItem({ command: id, category: trans.__('Pipeline') });
  }
}

/** The menu of a chip and of the cell toolbar. */
class Menus {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tagging: () => Tagging | null,
    private readonly trans: TranslationBundle
  ) {}

  open(at: DOMRect): void {
    const found = this.tagging();
    if (!found) {
      return;
    }
    const { commands } = this.app;
    const menu = new MenuSvg({ commands });
    menu.addClass('mn-menu');
    const add = (...ids: string[]): void => ids.forEach(command => menu.addItem({ command }));
    add(COMMAND.newStep, COMMAND.joinAbove, COMMAND.joinBelow);
    const before = found.dependencies();
    if (before.length) {
      menu.addItem({ type: 'submenu', submenu: this.dependsOn(found, before) });
    }
    menu.addItem({ type: 'separator' });
    add(COMMAND.parameters, COMMAND.imports, COMMAND.functions, COMMAND.metrics, COMMAND.skip, COMMAND.test);
    menu.addItem({ type: 'separator' });
    if (found.step !== null) {
      add(COMMAND.stepSettings, COMMAND.renameStep, COMMAND.runTo);
    }
    add(COMMAND.removeTags);
    menu.aboutToClose.connect(() => requestAnimationFrame(() => menu.dispose()));
    menu.open(at.left, at.bottom + 2);
  }

  private dependsOn(found: Tagging, before: { name: string; on: boolean }[]): MenuSvg {
    // A registry of its own: these commands exist as long as the menu does.
    const menu = new MenuSvg({ commands: new CommandRegistry() });
    menu.title.label = this.trans.__('Depends on');
    for (const { name, on } of before) {
      menu.commands.addCommand(name, {
        label: name,
        isToggled: () => on,
        isToggleable: true,
        execute: () => found.toggleDependsOn(name)
      });
      menu.addItem({ command: name });
    }
    return menu;
  }
}
