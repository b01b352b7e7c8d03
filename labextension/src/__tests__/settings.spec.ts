import Ajv from 'ajv';

import commands from '../../schema/commands.json';
import notebook from '../../schema/notebook.json';
import schema from '../../schema/plugin.json';
import { DEFAULTS, Settings } from '../settings';
import { CommandIDs } from '../tokens';

describe('the schema of the settings', () => {
  it('has the defaults that the code has', () => {
    const defaults = Object.fromEntries(
      Object.entries(schema.properties).map(([key, value]) => [key, value.default])
    );
    expect(defaults).toEqual(DEFAULTS);
  });

  it('accepts them', () => {
    const { type, properties, additionalProperties } = schema;
    const validate = new Ajv({ strict: false }).compile({ type, properties, additionalProperties });
    validate(DEFAULTS);
    expect(validate.errors).toBeNull();
    expect(validate({ ...DEFAULTS, attachBy: 'silent' })).toBe(false);
  });

  it('gives every choice a title', () => {
    for (const property of Object.values(schema.properties)) {
      expect(property.title).toBeTruthy();
      expect(property.description).toBeTruthy();
    }
  });
});

describe('the menus', () => {
  it('name only commands that there are', () => {
    const known = new Set<string>(Object.values(CommandIDs));
    const named = [...JSON.stringify([commands, notebook]).matchAll(/"command":"([^"]+)"/g)].map(
      match => match[1]
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(id => !known.has(id))).toEqual([]);
  });
});

describe('settings', () => {
  it('are the defaults without a registry, and where they cannot be read', async () => {
    const broken = new Settings({ load: () => Promise.reject(new Error('broken')) } as any);
    await broken.ready;
    expect(broken.get('attachBy')).toBe('cell');
    expect(new Settings(null).get('idleWarningMinutes')).toBe(15);
  });
});
