/**
 * What the server says, as plain data, and what the parts of the extension ask of each other.
 *
 * The names are those of the REST interface (docs/reference/rest.md), so that nothing is renamed on the way.
 */
export * from './tokens/attachments';
export * from './tokens/cluster';
export * from './tokens/commands';
export * from './tokens/held';
export * from './tokens/log';
export * from './tokens/model';
export * from './tokens/profile';
export * from './tokens/rows';
export * from './tokens/server';
