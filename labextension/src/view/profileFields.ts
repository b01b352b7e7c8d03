/**
 * What a profile's form consists of, read from the JSON Schema of a system: pure functions.
 *
 * The schema says what a file may hold, with `anyOf` for each field that may also be a variable or
 * nothing. A form has one control for each field, so it is made flat here: a list of fields by path.
 * A value that is in the file and fits no field stays in the file.
 */
import type { IProblem } from '../tokens';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, unknown>;

/** What a field is drawn as. */
export type FieldKind = 'text' | 'lines' | 'list' | 'choice' | 'yesno' | 'map' | 'size';

export interface IField {
  /** Unique in the form; no character of it means anything to the form's library. */
  key: string;
  path: readonly string[];
  title: string;
  description: string;
  kind: FieldKind;
  /** What is used where nothing is given. */
  fallback: unknown;
  example: unknown;
  /** Whether a text that is a number is kept as one. */
  numbers: boolean;
  nullable: boolean;
  /** Of a choice: the values; of a size: the units. */
  choices: readonly string[];
}

/** The id of a part of the form; the titles are the view's. */
export type SectionId =
  'main' | 'general' | 'life' | 'adapt' | 'jobs' | 'scheduler' | 'line' | `group:${string}`;

export interface ISection {
  id: SectionId;
  fields: readonly IField[];
}

/** What matters to everybody; the rest has its place under "More". */
const FIRST = [
  'title',
  'system',
  'extends',
  'scale',
  'options/environment',
  'options/queue',
  'options/account',
  'options/cores',
  'options/processes',
  'options/num_workers',
  'options/memory',
  'options/walltime',
  'options/threads_per_worker',
  'options/memory_limit',
  'options/worker_vcores',
  'options/worker_memory'
];

const LIFE = [
  'tenure',
  'idle_timeout',
  'time_to_live',
  'start_timeout',
  'logs_kept',
  'archives_kept'
];

/** Only an administrator's file may have these; they are shown where a file has them. */
const RARE = ['lock'];

type Schema = JsonObject;

/** A schema without what a form cannot draw: that a file has a system or extends another. */
export function withoutRootChoice(schema: Schema): Schema {
  return without(schema, 'anyOf');
}

/** Return the fields of a system's profiles; `data` says which groups there are. */
export function fieldsOf(schema: Schema, data: JsonObject): IField[] {
  const found: IField[] = [];
  walk(schema, schema, [], data, found);
  return found.filter(field => !RARE.includes(field.key) || get(data, field.path) !== undefined);
}

/** Whether profiles of this schema can have groups of workers. */
export function hasGroups(schema: Schema): boolean {
  return 'groups' in properties(schema);
}

function walk(
  root: Schema,
  schema: Schema,
  path: readonly string[],
  data: JsonObject,
  found: IField[]
): void {
  for (const [name, part] of Object.entries(properties(schema))) {
    const here = [...path, name];
    const ways = alternatives(root, part);
    const object = ways.find(way => way.type === 'object');
    if (object?.properties && name !== 'scale') {
      walk(root, object, here, data, found);
      continue;
    }
    const each = object && alternatives(root, asSchema(object.additionalProperties))[0];
    if (object && each?.properties) {
      const entries = get(data, here);
      for (const entry of Object.keys(isObject(entries) ? entries : {})) {
        walk(root, each, [...here, entry], data, found);
      }
      continue;
    }
    found.push(fieldOf(root, part, here, ways));
  }
}

function fieldOf(root: Schema, part: Schema, path: readonly string[], ways: Schema[]): IField {
  const field: IField = {
    key: path.join('/'),
    path,
    title: String(part.title ?? path[path.length - 1]),
    description: String(part.description ?? ''),
    kind: 'text',
    fallback: part.default ?? null,
    example: Array.isArray(part.examples) ? part.examples[0] : undefined,
    numbers: ways.some(way => way.type === 'integer' || way.type === 'number'),
    nullable: ways.some(way => way.type === 'null'),
    choices: []
  };
  const of = (test: (way: Schema) => boolean): Schema | undefined => ways.find(test);
  const choice = of(way => Array.isArray(way.enum) || way.const !== undefined);
  const object = of(way => way.type === 'object');
  const list = of(way => way.type === 'array');
  if (object?.properties) {
    return { ...field, kind: 'size', choices: Object.keys(properties(object)) };
  }
  if (object) {
    const values = alternatives(root, asSchema(object.additionalProperties));
    // A variable is a text, too, but a number that stands there alone is meant as one.
    const texts = values.some(way => way.type === 'string' && way.pattern === undefined);
    return { ...field, kind: 'map', numbers: !texts };
  }
  if (list) {
    return { ...field, kind: 'list' };
  }
  if (of(way => way.type === 'boolean')) {
    return { ...field, kind: 'yesno' };
  }
  if (choice) {
    const values = Array.isArray(choice.enum) ? choice.enum : [choice.const];
    return { ...field, kind: 'choice', choices: values.map(String) };
  }
  return ways.some(way => way['x-kind'] === 'lines') ? { ...field, kind: 'lines' } : field;
}

/** All that a part of a schema allows, without the nesting of references and choices. */
function alternatives(root: Schema, part: Schema): Schema[] {
  const { $ref: ref, anyOf } = part;
  if (typeof ref === 'string') {
    const target = ref
      .replace(/^#\//, '')
      .split('/')
      .reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), root);
    return isObject(target) ? alternatives(root, target) : [];
  }
  if (Array.isArray(anyOf)) {
    const kind = part['x-kind'];
    return anyOf
      .filter(isObject)
      .flatMap(way => alternatives(root, way))
      .map(way => (kind && !way['x-kind'] ? { ...way, 'x-kind': kind } : way));
  }
  return [part];
}

function properties(schema: Schema): Record<string, Schema> {
  return isObject(schema.properties) ? (schema.properties as Record<string, Schema>) : {};
}

function asSchema(value: unknown): Schema {
  return isObject(value) ? value : {};
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Put the fields into the parts of a form, in the order in which a person meets them. */
export function sectionsOf(fields: readonly IField[]): ISection[] {
  const parts = new Map<SectionId, IField[]>();
  for (const field of fields) {
    const id = sectionOf(field);
    parts.set(id, [...(parts.get(id) ?? []), field]);
  }
  const order: SectionId[] = ['main', 'life', 'adapt', 'jobs', 'scheduler', 'line', 'general'];
  const groups = [...parts.keys()].filter(id => id.startsWith('group:'));
  const place = (field: IField): number => FIRST.indexOf(field.key);
  parts.get('main')?.sort((a, b) => place(a) - place(b));
  return [...order, ...groups]
    .map(id => ({ id, fields: parts.get(id) ?? [] }))
    .filter(section => section.fields.length > 0);
}

function sectionOf(field: IField): SectionId {
  const [head, next] = field.path;
  if (head === 'groups') {
    return `group:${next}`;
  }
  if (FIRST.includes(field.key)) {
    return 'main';
  }
  if (head === 'scheduler' || next === 'scheduler_options') {
    return 'scheduler';
  }
  if (head === 'options') {
    return 'jobs';
  }
  if (head === 'adapt' || head === 'line') {
    return head;
  }
  if (head === 'lease') {
    return 'line';
  }
  return LIFE.includes(head) ? 'life' : 'general';
}

/** The value at a path; undefined where nothing is said. */
export function get(data: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), data);
}

/** The data with another value at a path; undefined takes it away, with what is then empty around it. */
export function set(
  data: JsonObject,
  path: readonly string[],
  value: unknown,
  inGroups = false
): JsonObject {
  const [head, ...rest] = path;
  if (rest.length === 0) {
    return value === undefined ? without(data, head) : { ...data, [head]: value };
  }
  const inner = set(
    isObject(data[head]) ? data[head] : {},
    rest,
    value,
    head === 'groups' && rest.length > 1
  );
  // A group of workers that says nothing (`path` is then below it) is still a group.
  const silent = value === undefined && Object.keys(inner).length === 0;
  return silent && !inGroups ? without(data, head) : { ...data, [head]: inner };
}

function without(data: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(data).filter(([key]) => key !== name));
}

/** What each field holds, for the form. */
export function flat(data: JsonObject, fields: readonly IField[]): JsonObject {
  const values: JsonObject = {};
  for (const field of fields) {
    const value = get(data, field.path);
    if (value !== undefined) {
      values[field.key] = value;
    }
  }
  return values;
}

/** What is in a file but in no field of the form, as dotted paths with their values. */
export function others(
  data: JsonObject,
  fields: readonly IField[]
): { path: string[]; value: unknown }[] {
  const known = new Set(fields.map(field => field.key));
  const inside = new Set(
    fields.flatMap(field => field.path.map((_, index) => field.path.slice(0, index).join('/')))
  );
  const found: { path: string[]; value: unknown }[] = [];
  const look = (at: JsonObject, path: string[]): void => {
    for (const [name, value] of Object.entries(at)) {
      const here = [...path, name];
      const key = here.join('/');
      if (known.has(key)) {
        continue;
      }
      if (isObject(value) && inside.has(key)) {
        look(value, here);
      } else if (!(key === 'groups' && isObject(value))) {
        found.push({ path: here, value });
      }
    }
  };
  look(data, []);
  return found;
}

/** A value as the text of a control. */
export function toText(value: unknown, kind: FieldKind): string {
  if (value === undefined || value === null) {
    return '';
  }
  if (kind === 'list' && Array.isArray(value)) {
    return value.map(one => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n');
  }
  if (kind === 'map' && isObject(value)) {
    return Object.entries(value)
      .map(([name, one]) => `${name}=${typeof one === 'string' ? one : JSON.stringify(one)}`)
      .join('\n');
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : JSON.stringify(value);
}

/** The value that a text means; undefined where it says nothing. */
export function fromText(text: string, field: Pick<IField, 'kind' | 'numbers'>): unknown {
  if (field.kind === 'list') {
    const lines = text.split('\n').map(line => line.trim());
    const said = lines.filter(line => line);
    return said.length > 0 ? said : undefined;
  }
  if (field.kind === 'map') {
    const entries = text
      .split('\n')
      .filter(line => line.trim())
      .map(line => {
        const at = line.indexOf('=');
        const name = (at < 0 ? line : line.slice(0, at)).trim();
        const value = at < 0 ? '' : line.slice(at + 1).trim();
        return [name, field.numbers ? asNumber(value) : value] as const;
      });
    return entries.length > 0 ? Object.fromEntries(entries) : undefined;
  }
  if (field.kind === 'yesno') {
    return text === 'true' ? true : text === 'false' ? false : text || undefined;
  }
  if (field.kind === 'lines') {
    return text.trim() ? text : undefined;
  }
  const said = text.trim();
  return said === '' ? undefined : field.numbers ? asNumber(said) : said;
}

/** A number where the text is one as it would be written; "007" and "1e3" stay texts, which the server judges. */
function asNumber(text: string): number | string {
  const value = Number(text);
  return text !== '' && Number.isFinite(value) && String(value) === text ? value : text;
}

/** The steps of a path as the server writes it: `options.preload[0]`. */
export function steps(field: string): string[] {
  return field
    .replace(/\[(\d+)\]/g, '.$1')
    .split('.')
    .filter(step => step);
}

/** The field that a problem is about; null where the form has none for it. */
export function fieldOfProblem(problem: IProblem, fields: readonly IField[]): IField | null {
  if (problem.field === null) {
    return null;
  }
  const path = steps(problem.field);
  const within = fields
    .filter(field => field.path.every((step, index) => path[index] === step))
    .sort((a, b) => b.path.length - a.path.length)[0];
  // What is wrong with a whole part is said at its first field.
  const first = fields.find(field => path.every((step, index) => field.path[index] === step));
  return within ?? first ?? null;
}

/** Whether an administrator has locked a field, or the part that it is in. */
export function isLocked(field: IField, locked: readonly string[]): boolean {
  return locked.some(lock => {
    const path = steps(lock);
    return path.every((step, index) => field.path[index] === step);
  });
}

/** Whether two profiles say the same. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) {
    return true;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => same(one, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(a);
    return (
      names.length === Object.keys(b).length &&
      names.every(name => name in b && same(a[name], b[name]))
    );
  }
  return false;
}
