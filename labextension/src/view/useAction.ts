import * as React from 'react';

export interface IAction {
  /** What is under way, by the name that it was run with. */
  busy: string | null;
  /** What went wrong with the last one. */
  problem: string | null;
  /** Run something; a failure becomes `problem`. Returns whether it went well. */
  run: (name: string, what: () => unknown) => Promise<boolean>;
  clear: () => void;
}

/** One thing at a time that may fail, and says so where it was asked for. */
export function useAction(): IAction {
  const [busy, setBusy] = React.useState<string | null>(null);
  const [problem, setProblem] = React.useState<string | null>(null);
  const alive = React.useRef(true);
  React.useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);
  const run = React.useCallback(async (name: string, what: () => unknown) => {
    setBusy(name);
    setProblem(null);
    try {
      await what();
      return true;
    } catch (error) {
      if (alive.current) {
        setProblem(error instanceof Error ? error.message : String(error));
      }
      return false;
    } finally {
      if (alive.current) {
        setBusy(null);
      }
    }
  }, []);
  const clear = React.useCallback(() => setProblem(null), []);
  return { busy, problem, run, clear };
}
