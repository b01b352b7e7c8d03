/**
 * What can go wrong between this page and the server, as named errors.
 */
import type { IErrorBody, IProblem } from '../tokens';

/** An answer that is no success, with what the server says to do about it. */
export class StewardError extends Error {
  constructor(
    /** The HTTP status; 0 where there was no answer. */
    readonly status: number,
    body: IErrorBody
  ) {
    super(body.message);
    this.name = 'StewardError';
    this.code = body.error;
    this.field = body.field ?? null;
    this.hint = body.hint ?? null;
    this.cluster = body.cluster ?? null;
    this.problems = body.problems ?? [];
  }

  /** The server's name of the error. */
  readonly code: string;
  /** The field of the input that is wrong, by dotted path. */
  readonly field: string | null;
  /** What to do next. */
  readonly hint: string | null;
  /** The id of the cluster that it is about. */
  readonly cluster: string | null;
  /** Everything that is wrong with a profile. */
  readonly problems: readonly IProblem[];
}

/** No answer came: the server is away, or the way to it is. */
export class UnreachableError extends StewardError {
  constructor(message: string) {
    super(0, { error: 'Unreachable', message });
    this.name = 'UnreachableError';
  }
}

/** Whether a value has the shape of the server's errors. */
export function isErrorBody(value: unknown): value is IErrorBody {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as IErrorBody).error === 'string' &&
    typeof (value as IErrorBody).message === 'string'
  );
}
