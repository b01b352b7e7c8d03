/**
 * The button in a notebook's toolbar: which cluster the notebook uses, how that is, and a menu.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, MenuSvg, ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import type { Menu } from '@lumino/widgets';
import * as React from 'react';

import { clusterOf, detail } from '../facts';
import { clusterIcon } from '../icons';
import { CommandIDs, type IAttachments, type ICluster, type IStewardModel } from '../tokens';
import { isActive, stateWord } from '../view/format';
import { Glyph } from '../view/Glyph';

/** Lab's look of menus; Lumino (2.10) gives an item that opens a submenu no role, so that it has no name. */
class Renderer extends MenuSvg.Renderer {
  createItemARIA(data: Menu.IRenderData): ReturnType<Menu.Renderer['createItemARIA']> {
    const aria = super.createItemARIA(data);
    return data.item.type === 'submenu' ? { ...aria, role: 'menuitem' } : aria;
  }
}

const RENDERER = new Renderer();

export class ClusterButton extends ReactWidget {
  constructor(private readonly _options: ClusterButton.IOptions) {
    super();
    this.addClass('dsk-ToolbarItem');
    const { model, attachments, panel } = _options;
    model.clustersChanged.connect(this._look, this);
    model.connectionChanged.connect(this._look, this);
    attachments?.changed.connect(this._look, this);
    panel.sessionContext.kernelChanged.connect(this._look, this);
    this._look();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._menu?.dispose();
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected render(): JSX.Element {
    const { trans, model } = this._options;
    const cluster = this._cluster;
    const stale = cluster && (cluster.stale !== null || model.connection.state !== 'ok');
    const look = cluster ? (stale ? 'stale' : cluster.state) : null;
    const title = cluster
      ? trans.__('Dask cluster %1: %2', cluster.name, detail(cluster, trans))
      : trans.__('This notebook uses no Dask cluster');
    return (
      <button
        type="button"
        className={`dsk-ToolbarButton ${look ? `dsk-mod-${look}` : 'dsk-mod-none'}`}
        aria-haspopup="menu"
        aria-expanded={this._menu !== null}
        title={title}
        aria-label={look ? `${title} (${stateWord(look, trans)})` : title}
        onClick={event => this._open(event.currentTarget)}
      >
        {look ? (
          <Glyph look={look} />
        ) : (
          <clusterIcon.react tag="span" className="dsk-ToolbarButton-icon" />
        )}
        <span className="dsk-ToolbarButton-name">{cluster?.name ?? trans.__('Dask')}</span>
        <caretDownIcon.react tag="span" className="dsk-ToolbarButton-caret" />
      </button>
    );
  }

  /** Open the menu under the button. */
  private _open(button: HTMLElement): void {
    const menu = this._makeMenu();
    this._menu?.dispose();
    this._menu = menu;
    menu.aboutToClose.connect(() => {
      this._menu = null;
      this.update();
      // The chosen command still runs on what the menu knows.
      window.setTimeout(() => menu.dispose(), 0);
    });
    const box = button.getBoundingClientRect();
    menu.open(box.left, box.bottom);
    this.update();
  }

  private _makeMenu(): Menu {
    const { commands, model, panel, trans } = this._options;
    const notebook = panel.context.path;
    const kernel = panel.sessionContext.session?.kernel;
    const menu = new MenuSvg({ commands, renderer: RENDERER });
    menu.addClass('dsk-NotebookMenu');
    const add = (to: Menu, command: string, args: ReadonlyPartialJSONObject): void => {
      // A plugin that a site has switched off has no commands.
      if (commands.hasCommand(command)) {
        to.addItem({ command, args: args as never });
      }
    };

    const living = model.clusters.filter(isActive);
    if (living.length) {
      const attach = new MenuSvg({ commands, renderer: RENDERER });
      attach.title.label = trans.__('Attach to');
      for (const cluster of living) {
        add(attach, CommandIDs.attach, { id: cluster.id, notebook });
      }
      menu.addItem({ type: 'submenu', submenu: attach });
    }
    const usable = model.profiles.filter(profile => profile.problems.length === 0);
    if (usable.length) {
      const start = new MenuSvg({ commands, renderer: RENDERER });
      start.title.label = trans.__('New from profile');
      // The cluster runs in the notebook's environment, so that versions match.
      const spec = model.kernelspecs.find(each => each.name === kernel?.name);
      for (const profile of usable) {
        add(start, CommandIDs.newCluster, {
          profile: profile.name,
          notebook,
          ...(kernel ? { kernelId: kernel.id } : {}),
          ...(spec && spec.why_not === null ? { environment: spec.name } : {})
        });
      }
      menu.addItem({ type: 'submenu', submenu: start });
    }

    const cluster = this._cluster;
    if (cluster) {
      const { id } = cluster;
      menu.addItem({ type: 'separator' });
      add(menu, CommandIDs.insertCode, { id, notebook });
      add(menu, CommandIDs.openDetails, { id });
      add(menu, CommandIDs.openDashboard, { id });
      add(menu, CommandIDs.openLayout, { id });
      menu.addItem({ type: 'separator' });
      add(menu, CommandIDs.stop, { id });
    }
    menu.addItem({ type: 'separator' });
    add(menu, CommandIDs.openPanel, {});
    add(menu, CommandIDs.toggleAutoAttach, {});
    return menu;
  }

  private _look(): void {
    const { model, attachments, panel } = this._options;
    this._cluster = clusterOf(
      panel.sessionContext.session?.kernel?.id,
      model.clusters,
      attachments
    );
    const cluster = this._cluster;
    const seen = JSON.stringify([
      model.connection.state,
      cluster && [cluster.id, cluster.name, cluster.state, cluster.reason, cluster.stale],
      cluster && [cluster.workers.asked, cluster.workers.running]
    ]);
    if (seen !== this._seen) {
      this._seen = seen;
      this.update();
    }
  }

  private _cluster: ICluster | null = null;
  private _menu: Menu | null = null;
  private _seen = '';
}

export namespace ClusterButton {
  export interface IOptions {
    panel: NotebookPanel;
    model: IStewardModel;
    attachments: IAttachments | null;
    commands: CommandRegistry;
    trans: TranslationBundle;
  }
}
