/**
 * The one live region: it is part of the page even while the panel is hidden, else nothing of it would be heard.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';
import * as React from 'react';

import type { ICluster, IStewardModel } from '../tokens';
import { announcement, LiveRegion } from '../view';

/** Milliseconds for which a sentence stays, so that a screen reader that is busy comes to it. */
const STAYS = 10000;

/** Sentences that are kept: many clusters that change at once are not all read aloud. */
const MOST = 5;

export class Announcer extends ReactWidget {
  constructor(
    private readonly _model: IStewardModel,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('dsk-Announcer');
    _model.announced.connect(this._say, this);
  }

  attach(): void {
    Widget.attach(this, document.body);
  }

  dispose(): void {
    this._model.announced.disconnect(this._say, this);
    super.dispose();
  }

  render(): JSX.Element {
    return <LiveRegion sentences={this._sentences} />;
  }

  private _say(_: IStewardModel, cluster: ICluster): void {
    const key = ++this._last;
    const text = announcement(cluster, this._trans);
    this._sentences = [...this._sentences, { key, text }].slice(-MOST);
    this.update();
    window.setTimeout(() => {
      this._sentences = this._sentences.filter(one => one.key !== key);
      this.update();
    }, STAYS);
  }

  private _sentences: { key: number; text: string }[] = [];
  private _last = 0;
}
