/**
 * A schema as the server makes it, with one field of each kind.
 */
import type { JsonObject } from '../profileFields';

const VARIABLE = { pattern: '\\$', title: 'Environment variable', type: 'string' };
const NULL = { type: 'null' };
const text = (title: string, more: JsonObject = {}): JsonObject => ({
  anyOf: [{ minLength: 1, type: 'string', 'x-kind': 'text' }, NULL],
  default: null,
  title,
  description: `The ${title.toLowerCase()}.`,
  ...more
});
const count = (title: string): JsonObject => ({
  anyOf: [{ minimum: 1, maximum: 1000000, type: 'integer' }, VARIABLE, NULL],
  default: null,
  title,
  description: `${title} of each job.`,
  examples: [24]
});

export const SCHEMA: JsonObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $defs: {
    Adapt: {
      type: 'object',
      additionalProperties: false,
      properties: { minimum: { ...count('Minimum'), default: 0 }, maximum: count('Maximum') }
    },
    Scale: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 1,
      properties: {
        jobs: count('Jobs'),
        workers: count('Workers'),
        cores: count('Cores'),
        memory: text('Memory')
      }
    },
    Group: {
      type: 'object',
      additionalProperties: false,
      properties: {
        scale: { anyOf: [{ $ref: '#/$defs/Scale' }, NULL], title: 'Scale' },
        options: { $ref: '#/$defs/Options' }
      }
    },
    Options: {
      type: 'object',
      additionalProperties: false,
      properties: {
        preload: {
          anyOf: [{ items: { type: 'string' }, type: 'array' }, { type: 'string' }],
          default: [],
          title: 'Preload',
          description: 'Modules to load.'
        },
        memory: {
          anyOf: [
            {
              anyOf: [{ minimum: 0, type: 'number' }, { type: 'string' }],
              'x-kind': 'size'
            },
            NULL
          ],
          default: null,
          title: 'Memory',
          description: 'Memory of each job.',
          examples: ['120 GB']
        },
        cores: count('Cores'),
        queue: text('Queue', { examples: ['normal'] })
      }
    }
  },
  type: 'object',
  additionalProperties: false,
  properties: {
    title: text('Title'),
    description: {
      anyOf: [{ type: 'string', 'x-kind': 'lines' }, NULL],
      default: null,
      title: 'Description',
      description: 'What it is for.'
    },
    system: { const: 'slurm', type: 'string', default: 'slurm', title: 'System' },
    lock: { type: 'array', items: { type: 'string' }, default: [], title: 'Lock' },
    scale: { anyOf: [{ $ref: '#/$defs/Scale' }, NULL], default: null, title: 'Scale' },
    adapt: { anyOf: [{ $ref: '#/$defs/Adapt' }, NULL], default: null, title: 'Adapt' },
    tenure: {
      anyOf: [{ enum: ['kernel', 'server', 'process', 'detached'], type: 'string' }, VARIABLE],
      default: 'kernel',
      title: 'Tenure',
      description: 'What it ends with.'
    },
    launcher: {
      anyOf: [{ type: 'boolean' }, VARIABLE],
      default: false,
      title: 'Launcher',
      description: 'A card in the launcher.'
    },
    environment: {
      type: 'object',
      additionalProperties: { anyOf: [{ type: 'string' }, { type: 'number' }] },
      default: {},
      title: 'Environment',
      description: 'Variables of the workers.'
    },
    options: { $ref: '#/$defs/Options' },
    groups: {
      type: 'object',
      additionalProperties: { $ref: '#/$defs/Group' },
      default: {},
      title: 'Groups'
    }
  }
};
