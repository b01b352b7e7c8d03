import type { JupyterFrontEnd } from '@jupyterlab/application';
import { CommandRegistry } from '@lumino/commands';
import { Token } from '@lumino/coreutils';

import plugins from '../index';
import { stewardPlugin } from '../plugin';
import { FakeModel } from './fakeModel';

const ICake = new Token<{ slices: number }>('test:ICake');
const ITea = new Token<{ cups: number }>('test:ITea');

describe('a plugin', () => {
  const commands = new CommandRegistry();
  const app = { commands } as unknown as JupyterFrontEnd;
  const { model } = new FakeModel();
  const given = jest.fn();
  const plugin = stewardPlugin({
    id: 'dask-steward:test',
    description: 'A test.',
    optional: { cake: ICake, tea: ITea },
    palette: ['a', { command: 'a', args: { of: 'notebook' } }, 'not-added'],
    activate: given
  });

  beforeAll(() => {
    commands.addCommand('a', { execute: () => undefined });
  });

  beforeEach(() => given.mockReset());

  it('gets by name what is there, in whatever order it was asked for', () => {
    const tokens = plugin.optional ?? [];
    const values = tokens.map(token => (token === ITea ? { cups: 2 } : null));
    void plugin.activate(app, model, ...values);
    expect(given).toHaveBeenCalledTimes(1);
    const [parts] = given.mock.calls[0];
    expect(parts.app).toBe(app);
    expect(parts.model).toBe(model);
    expect(parts.tea).toEqual({ cups: 2 });
    expect(parts.cake).toBeNull();
    // Without a translator it speaks English.
    expect(parts.trans.__('Dask clusters')).toBe('Dask clusters');
  });

  it('offers in the palette what it has added', () => {
    const addItem = jest.fn();
    const values = (plugin.optional ?? []).map(token =>
      token.name.includes('ICommandPalette') ? { addItem } : null
    );
    void plugin.activate(app, model, ...values);
    expect(addItem.mock.calls).toEqual([
      [{ command: 'a', category: 'Dask' }],
      [{ command: 'a', args: { of: 'notebook' }, category: 'Dask' }]
    ]);
  });
});

describe('the plugins', () => {
  it('can each be switched off by an id of their own, and say what they are for', () => {
    const ids = plugins.map(plugin => plugin.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const plugin of plugins) {
      expect(plugin.id).toMatch(/^dask-steward:[a-z]+$/);
      expect(plugin.description).toMatch(/\w.*\.$/);
      expect(plugin.autoStart).toBe(true);
    }
  });
});
