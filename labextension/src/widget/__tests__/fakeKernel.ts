/**
 * anywidget's model of a page, whose facts a test sets; what it was told is written down.
 */
import type { IWidgetModel } from '../kernel';

type Listener = (...args: never[]) => void;

export class FakeKernel implements IWidgetModel {
  constructor(readonly facts: Record<string, unknown>) {}

  readonly sent: any[] = [];

  get = (name: string): unknown => this.facts[name] ?? null;

  on = (event: string, callback: Listener): void => {
    this._listeners.set(event, [...(this._listeners.get(event) ?? []), callback]);
  };

  off = (event: string, callback: Listener): void => {
    this._listeners.set(
      event,
      (this._listeners.get(event) ?? []).filter(one => one !== callback)
    );
  };

  send = (content: unknown): void => {
    this.sent.push(content);
  };

  /** The kernel sets a fact. */
  set(name: string, value: unknown): void {
    this.facts[name] = value;
    this.emit(`change:${name}`);
  }

  /** The kernel answers what it was asked last. */
  answer(answer: { value?: unknown; error?: string }): void {
    const asked = this.sent.filter(one => one.kind === 'ask').pop();
    this.emit('msg:custom', { kind: 'answer', id: asked.id, ...answer });
  }

  emit(event: string, ...args: unknown[]): void {
    for (const listener of this._listeners.get(event) ?? []) {
      (listener as (...args: unknown[]) => void)(...args);
    }
  }

  get listeners(): number {
    return [...this._listeners.values()].reduce((sum, some) => sum + some.length, 0);
  }

  private readonly _listeners = new Map<string, Listener[]>();
}
