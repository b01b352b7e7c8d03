"""dask-yarn's own builder of specifications, cured as little as it needs, in a process of its own.

Its import fails with any Dask since 2022 (dask-yarn#161), changes Dask's configuration, and writes a file: none of that
may happen where the tests run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import dask.utils, distributed.utils
distributed.utils.format_bytes = dask.utils.format_bytes
distributed.utils.parse_timedelta = dask.utils.parse_timedelta
import dask.config, dask_yarn.core as core

def arguments(function):
    import inspect
    return list(inspect.signature(function).parameters)

if sys.argv[1:] == ["surface"]:
    names = [name for name in dir(core.YarnCluster) if not name.startswith("_")]
    functions = {name: arguments(getattr(core.YarnCluster, name)) for name in names
                 if callable(getattr(core.YarnCluster, name))}
    import distributed.cli.utils
    distributed.cli.utils.install_signal_handlers = None
    import dask_yarn.cli as cli
    commands = [*cli.entry_subs.choices, *("services " + name for name in cli.services.subs.choices)]
    flags = [option for action in cli.submit.parser._actions for option in action.option_strings]
    print(json.dumps({"arguments": arguments(core.YarnCluster.__init__)[1:], "methods": functions, "names": names,
                      "commands": commands, "flags": flags}))
    sys.exit()
found = []
for case in json.load(sys.stdin):
    with dask.config.set({"yarn." + key: value for key, value in case["config"].items()}):
        spec = core._make_specification(**case["arguments"])
        found.append([spec.to_dict(skip_nulls=False), core._make_scheduler_kwargs()])
print(json.dumps(found, default=sorted))
"""


def specifications(
    cases: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return what the builder makes of arguments and of ``yarn.*`` of Dask's configuration, and its scheduler's."""
    text = json.dumps([{"arguments": dict(given), "config": dict(config)} for given, config in cases])
    return [(spec, scheduler) for spec, scheduler in json.loads(_run(text))]


def surface() -> dict[str, Any]:
    """Return the arguments of ``YarnCluster``, its public names, its commands, and the flags of ``submit``."""
    found: dict[str, Any] = json.loads(_run("", "surface"))
    return found


def _run(text: str, *arguments: str) -> str:
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=Path.cwd(),
            env={"HOME": home, "PATH": "/usr/bin:/bin", "DASK_CONFIG": home},
        )
    assert done.returncode == 0, done.stderr
    return done.stdout
