"""Run all benchmarks, each with few runs, one after the other; the last line says which goals were missed."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = (
    "footprint",
    "start",
    "busy_kernel",
    "release",
    "release_yarn",
    "submit",
    "queue_load",
    "adaptive",
    "walltime",
    "sidebar",
    "gridded",
    "progress",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ({', '.join(BENCHMARKS)}; default all)")
    parser.add_argument("--runs", type=int, help="measurements of each side (default: each benchmark's own few)")
    parser.add_argument("--json", action="store_true", help="print one JSON array instead of tables")
    given = parser.parse_args()
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    few = {
        "footprint": 2,
        "start": 3,
        "busy_kernel": 2,
        "release": 1,
        "release_yarn": 1,
        "submit": 2,
        "queue_load": 1,
        "adaptive": 1,
        "walltime": 1,
        "sidebar": 2,
        "gridded": 2,
        "progress": 1,
    }
    missed, failed, results = [], [], []
    for name in given.names or BENCHMARKS:
        command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), f"--runs={given.runs or few[name]}"]
        done = subprocess.run([*command, *(["--json"] if given.json else [])], stdout=subprocess.PIPE, text=True)
        if given.json and done.stdout:
            results.append(json.loads(done.stdout))
        else:
            print(done.stdout, flush=True)
        # 1: measured, and a goal was missed; anything else is a benchmark that did not come to its end.
        if done.returncode == 1 and done.stdout:
            missed.append(name)
        elif done.returncode:
            failed.append(name)
    if given.json:
        print(json.dumps(results, indent=1))
    if missed or failed:
        words = [
            f"goals missed in: {', '.join(missed)}" if missed else "",
            f"failed: {', '.join(failed)}" if failed else "",
        ]
        sys.stderr.write("; ".join(filter(None, words)) + "\n")
    else:
        sys.stderr.write("all goals met\n")
    # A missed goal is a figure to look at, not an error: machines differ.
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
