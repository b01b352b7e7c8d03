/**
 * The inside of a tab: a page of a dashboard, with a notice above it where there is something to say.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { IFrame, ReactWidget } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';
import { Panel } from '@lumino/widgets';
import * as React from 'react';

import { checkPage, type PageCheck } from '../api/page';
import { type ITarget, type PageState, pageState, successor, targetOf } from './pages';
import type { ICluster, IStewardModel } from '../tokens';
import { isActive, timeOfDay } from '../view/format';

/** What is said above a page (`line`), or in its place. */
interface INotice {
  text: string;
  /** Nothing can be shown below it. */
  alone: boolean;
  /** Whether it waits for something that comes by itself. */
  waiting?: boolean;
  actions?: { label: string; run: () => void }[];
}

/** Says what there is to say. */
class Notice extends ReactWidget {
  constructor() {
    super();
    this.addClass('dsk-PageNotice');
    // There before it says anything, so that a screen reader reads what comes.
    this.node.setAttribute('role', 'status');
    this.hide();
  }

  say(notice: INotice | null): void {
    this._notice = notice;
    this.setHidden(notice === null);
    this.toggleClass('dsk-mod-alone', notice?.alone ?? false);
    this.toggleClass('dsk-mod-waiting', notice?.waiting ?? false);
    this.update();
  }

  protected render(): JSX.Element | null {
    const notice = this._notice;
    if (!notice) {
      return null;
    }
    return (
      <>
        <p className="dsk-PageNotice-text">{notice.text}</p>
        {notice.actions?.map(action => (
          <button
            key={action.label}
            type="button"
            className="dsk-Button"
            onClick={() => action.run()}
          >
            {action.label}
          </button>
        ))}
      </>
    );
  }

  private _notice: INotice | null = null;
}

/** A page in a frame, and what is said of it. */
export abstract class Page extends Panel {
  constructor(
    protected readonly trans: TranslationBundle,
    key?: string
  ) {
    super();
    this.key = key ?? UUID.uuid4();
    this.addClass('dsk-Page');
    this.frame = new IFrame({ sandbox: ['allow-scripts', 'allow-same-origin'], loading: 'lazy' });
    this.frame.addClass('dsk-Page-frame');
    this.frame.hide();
    this.addWidget(this.notice);
    this.addWidget(this.frame);
  }

  /** What a tab is known by over reloads. */
  readonly key: string;

  /** Emitted when it shows something else than before, so that this is stored. */
  get rebound(): ISignal<this, void> {
    return this._rebound;
  }

  protected readonly notice = new Notice();
  protected readonly frame: IFrame;
  protected readonly _rebound = new Signal<this, void>(this);

  /** Load a page anew. */
  protected load(url: string): void {
    this.frame.url = url;
    this.frame.show();
  }

  /** Say something, and show the page unless that takes its place. */
  protected say(notice: INotice | null): void {
    this.notice.say(notice);
    this.frame.setHidden(notice?.alone ?? this.frame.url === '');
    this.frame.toggleClass('dsk-mod-past', notice !== null && !notice.alone);
  }

  protected named(title: string, label: string): void {
    this.title.label = label;
    this.title.caption = label;
    this.frame.node.querySelector('iframe')?.setAttribute('title', title);
  }
}

/** A page of a cluster's dashboard. */
export class ClusterPage extends Page {
  constructor(
    private readonly _model: IStewardModel,
    target: ITarget,
    trans: TranslationBundle,
    key?: string
  ) {
    super(trans, key);
    this._target = target;
    _model.clustersChanged.connect(this._look, this);
    _model.connectionChanged.connect(this._look, this);
    this._look();
  }

  get target(): ITarget {
    return this._target;
  }

  /** Show the page for this cluster from now on. */
  bind(target: ITarget): void {
    if (target.id !== this._target.id) {
      this._target = target;
      this._look();
      this._rebound.emit();
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      Signal.clearData(this);
      super.dispose();
    }
  }

  private _look(): void {
    const cluster = this._model.cluster(this._target.id);
    if (cluster && cluster.name !== this._target.name) {
      this._target = { ...this._target, name: cluster.name };
      this._rebound.emit();
    }
    let state = pageState(this._model, this._target);
    if (state.kind === 'ended') {
      const next = successor(this._model.clusters, this._target);
      if (next) {
        this._target = targetOf(next, this._target.path, this._target.title);
        this._rebound.emit();
        state = pageState(this._model, this._target);
      }
    }
    this._show(state);
  }

  private _show(state: PageState): void {
    const { id, name, path, title } = this._target;
    const { trans } = this;
    // The living clusters are on offer once this one has ended: they count.
    const offers = state.kind === 'ended' ? this._model.clusters.filter(isActive).slice(0, 4) : [];
    const seen = JSON.stringify([state, this._target, offers.map(each => [each.id, each.name])]);
    if (seen === this._seen) {
      return;
    }
    this._seen = seen;
    this.named(trans.__('%1 of the cluster %2', title, name), trans.__('%1 · %2', title, name));
    const past = this._shown === id;
    if (state.kind === 'live') {
      if (!past || this._cut) {
        this._shown = id;
        this._cut = false;
        this.load(this._model.dashboardUrl(id, path));
      }
      this.say(null);
      return;
    }
    // The page's own connection is cut, too: when there is something to show it is loaded anew.
    this._cut = true;
    const keep = past && state.kind !== 'none';
    this.say({
      text: this._words(state, keep),
      alone: !keep,
      waiting: state.kind === 'connecting' || state.kind === 'starting',
      actions: offers.map(cluster => ({
        label: trans.__('Show “%1” instead', cluster.name),
        run: () => this._take(cluster)
      }))
    });
  }

  private _take(cluster: ICluster): void {
    this.bind(targetOf(cluster, this._target.path, this._target.title));
  }

  private _words(state: PageState, past: boolean): string {
    const { trans } = this;
    const { name } = this._target;
    const now = Date.now() / 1000;
    switch (state.kind) {
      case 'live':
        return '';
      case 'connecting':
        return trans.__('Waiting for the Jupyter server…');
      case 'starting':
        return trans.__('Waiting for the scheduler of “%1”…', name);
      case 'none':
        return state.reason
          ? trans.__('“%1” has no dashboard: %2', name, state.reason)
          : trans.__('“%1” has no dashboard.', name);
      case 'silent':
        return past
          ? trans.__(
              'No news since %1: the Jupyter server does not answer. Below is what was shown last.',
              timeOfDay(state.since, now)
            )
          : trans.__(
              'No news since %1: the Jupyter server does not answer.',
              timeOfDay(state.since, now)
            );
      case 'ended': {
        const when =
          state.at === null
            ? trans.__('The cluster “%1” has ended', name)
            : trans.__('The cluster “%1” ended at %2', name, timeOfDay(state.at, now));
        // Reasons come as sentences and as parts of one.
        const reason = state.reason?.replace(/\.\s*$/, '');
        return [
          reason ? trans.__('%1: %2.', when, reason) : trans.__('%1.', when),
          past ? trans.__('Below is what was shown last.') : null,
          trans.__('Another one of this name is shown here by itself.')
        ]
          .filter(Boolean)
          .join(' ');
      }
    }
  }

  private _target: ITarget;
  /** The id of the cluster whose page is in the frame. */
  private _shown: string | null = null;
  private _cut = false;
  private _seen = '';
}

/** Any page, checked before it is shown. */
export class UrlPage extends Page {
  constructor(
    readonly url: URL,
    trans: TranslationBundle,
    key?: string,
    private readonly _check: (url: URL) => Promise<PageCheck> = checkPage
  ) {
    super(trans, key);
    this.named(trans.__('Page of %1', url.host), url.host + url.pathname.replace(/\/$/, ''));
    void this._open();
  }

  private async _open(): Promise<void> {
    const { trans, url } = this;
    this.say({ text: trans.__('Looking at %1…', url.host), alone: true, waiting: true });
    const found = await this._check(url);
    if (this.isDisposed) {
      return;
    }
    const again = { label: trans.__('Try again'), run: () => void this._open() };
    const outside = {
      label: trans.__('Open in a browser tab'),
      run: () => void window.open(url.href, '_blank', 'noopener')
    };
    switch (found.kind) {
      case 'fine':
        this.load(url.href);
        this.say(null);
        return;
      case 'unknown': {
        this.load(url.href);
        const known = {
          label: trans.__('I see it'),
          run: () => this.say(null)
        };
        this.say({
          text: trans.__(
            'If nothing appears below, %1 does not allow its pages to be shown inside others.',
            url.host
          ),
          alone: false,
          actions: [outside, known]
        });
        // Unlike a page of the past it is as alive as can be.
        this.frame.removeClass('dsk-mod-past');
        return;
      }
      case 'forbidden':
        this.say({
          text: trans.__('%1 does not allow this page to be shown inside another one.', url.host),
          alone: true,
          actions: [outside]
        });
        return;
      case 'unreachable':
        this.say({
          text: trans.__('%1 does not answer. Is it running, and is the address right?', url.host),
          alone: true,
          actions: [again, outside]
        });
        return;
      case 'status':
        this.say({
          text:
            found.status === 404
              ? trans.__('There is no such page: %1', url.href)
              : trans.__('%1 answered with an error (%2).', url.href, found.status),
          alone: true,
          actions: [again, outside]
        });
    }
  }
}
