"""``dask-steward profiles``: list, show, check and write profiles."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dask_steward.cli import output
from dask_steward.errors import ClusterNotFound, ProfileError, UsageError
from dask_steward.managers.base import NodeSize, Unknown
from dask_steward.profiles import ProfileStore, edit, from_json
from dask_steward.profiles.problems import short_path, shown
from dask_steward.profiles.schema import schema

_COLUMNS = ("NAME", "SYSTEM", "LEVEL", "TITLE", "PROBLEMS")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add ``profiles`` with its subcommands to a parser."""
    words = "list, check, write profiles"
    parser = subparsers.add_parser("profiles", help=words, description=f"{words.capitalize()}.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(profiles_run=_list)
    sub = parser.add_subparsers(metavar="COMMAND", title="commands")

    _add(sub, "list", _list, "list the profiles, with the level that each comes from")

    show = _add(sub, "show", _show, "print the file of a profile")
    show.add_argument("name", metavar="NAME", help="name of a profile")
    show.add_argument("--resolved", action="store_true", help="with what it extends, what is locked, and the defaults")

    check = _add(sub, "check", _check, "find everything that is wrong, with file, line and column")
    check.add_argument("files", metavar="FILE", nargs="*", help="files to check (default: all that are found)")

    _add(sub, "schema", _schema, "print the JSON Schema of a system's profiles").add_argument(
        "system", metavar="SYSTEM", help="local, slurm, …"
    )
    _add(sub, "path", _path, "print the folders that are searched, the one that wins first")

    new = _add(sub, "new", _new, "write a commented file to begin a profile from")
    new.add_argument("name", metavar="NAME", help="name of the new profile")
    new.add_argument("--system", metavar="S", required=True, help="what its clusters run on: local, slurm, …")

    save = _add(sub, "save", _save, "save what a cluster was started with as a profile")
    save.add_argument(
        "name", metavar="NAME", help="name to save under; of an existing file only what differs is changed"
    )
    save.add_argument(
        "--from",
        dest="cluster",
        metavar="CLUSTER",
        required=True,
        help="id or name of a cluster, also of one that ended",
    )

    _add(sub, "remove", _remove, "remove a profile of yours").add_argument(
        "name", metavar="NAME", help="name of a profile"
    )


def run(args: argparse.Namespace) -> int:
    """Run one of the subcommands and return its exit code."""
    chosen: Callable[[argparse.Namespace], int] = args.profiles_run
    return chosen(args)


def _add(
    sub: argparse._SubParsersAction[Any], name: str, function: Callable[[argparse.Namespace], int], words: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = sub.add_parser(name, help=words, description=f"{words[:1].upper()}{words[1:]}.")
    # SUPPRESS: otherwise the default here would undo "profiles --json list".
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser.set_defaults(profiles_run=function)
    return parser


def _list(args: argparse.Namespace) -> int:
    store = ProfileStore()
    infos = store.infos()
    if args.json:
        output.print_json([info.to_dict() for info in infos])
        return 0
    rows = [
        (info.name, info.system or "", info.level, info.title if info.title != info.name else "", _count(info.problems))
        for info in infos
    ]
    with_problems = any(info.problems for info in infos)
    columns = _COLUMNS if with_problems else _COLUMNS[:-1]
    output.print_table(columns, [row[: len(columns)] for row in rows])
    if store.problems():
        output.note("Something is wrong with a file: dask-steward profiles check")
    return 0


def _count(problems: tuple[object, ...]) -> str:
    return f"{len(problems)} error{'s' * (len(problems) != 1)}" if problems else ""


def _show(args: argparse.Namespace) -> int:
    store = ProfileStore()
    source = store.source(args.name)
    if args.resolved:
        profile = store.resolve(args.name)
        if args.json:
            output.print_json(profile.to_json())
        else:
            print(edit.describe(profile), end="")
        return 0
    info = next(info for info in store.infos() if info.name == args.name)
    if args.json:
        output.print_json({**info.to_dict(), "written": store.written(args.name)})
        return 0
    if source is None:
        print(f"# {args.name} exists without a file.")
        print(_yaml(store.written(args.name)), end="")
        return 0
    try:
        print(f"# {short_path(source)}")
        print(source.read_text(encoding="utf-8-sig", errors="replace").rstrip("\n"))
    except OSError as error:
        raise ProfileError(f"{short_path(source)} cannot be read: {error.strerror or error}.") from error
    for problem in info.problems:
        output.note(str(problem))
    return 0


def _yaml(data: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def _check(args: argparse.Namespace) -> int:
    store = ProfileStore()
    if args.files:
        problems = [problem for file in args.files for problem in store.check(Path(file))]
        what = f"{len(args.files)} file{'s' * (len(args.files) != 1)}"
    else:
        problems = store.problems()
        what = f"{len(store.names())} profiles"
    warnings = [] if args.files else _site_warnings(store)
    if args.json:
        found = [problem.to_dict() for problem in problems]
        output.print_json(found + [{"warning": True, "profile": name, "message": why} for name, why in warnings])
    else:
        for problem in problems:
            print(problem)
        for name, why in warnings:
            print(f"{name}: warning: {why}")
        output.note(f"{what}: {_count(tuple(problems)) or 'nothing is wrong'}.")
    return ProfileError.exit_code if problems else 0


def _site_warnings(store: ProfileStore) -> list[tuple[str, str]]:
    """Return what the site says against profiles that are right in themselves; nothing where it cannot be asked."""
    from dask_steward import managers
    from dask_steward.managers.fit import unfit

    there = managers.available()
    sizes: dict[str, Sequence[NodeSize]] = {}
    found = []
    for info in store.infos():
        if info.problems or not there.get(info.system or "", False):
            continue
        options = store.resolve(info.name).to_json()["options"]
        if info.system not in sizes:
            answer = managers.get(str(info.system)).node_sizes(timeout=5.0)
            sizes[str(info.system)] = () if isinstance(answer, Unknown) else answer
        memory = None if options.get("job_mem") else options.get("memory")
        cores = options.get("job_cpu") or options.get("cores")
        why = unfit(sizes[str(info.system)], options.get("queue"), cores=cores, memory=memory)
        if why is not None:
            found.append((info.name, why))
    return found


def _schema(args: argparse.Namespace) -> int:
    import json

    # A schema is a document of its own: JSON with and without --json, always indented.
    print(json.dumps(schema(args.system), indent=2, ensure_ascii=False))
    return 0


def _path(args: argparse.Namespace) -> int:
    layers = ProfileStore().folders
    rows = [(str(layer.folder), layer.level, layer.folder.is_dir()) for layer in layers]
    if args.json:
        output.print_json([{"folder": folder, "level": level, "exists": exists} for folder, level, exists in rows])
    else:
        output.print_table(
            ("FOLDER", "LEVEL", "EXISTS"),
            [(folder, level, "yes" if exists else "no") for folder, level, exists in rows],
        )
    return 0


def _new(args: argparse.Namespace) -> int:
    return _wrote(args, edit.new(ProfileStore(), args.name, args.system), "Wrote")


def _save(args: argparse.Namespace) -> int:
    from dask_steward.ledger.entries import list_entries

    entries, _ = list_entries()
    matching = [entry for entry in entries if args.cluster in (entry.id, entry.name)]
    # A name may be taken again after its cluster ended: the one that runs is meant, else the latest.
    matching.sort(key=lambda entry: (entry.id == args.cluster, not entry.ended, entry.created), reverse=True)
    if not matching:
        raise ClusterNotFound(f"no cluster is called {shown(args.cluster)}.", hint="See: dask-steward list --all.")
    if not matching[0].profile:
        raise UsageError(f"The cluster {matching[0].name} has no record of its profile.")
    profile = from_json(matching[0].profile)
    return _wrote(args, edit.save(ProfileStore(), args.name, profile), "Wrote")


def _remove(args: argparse.Namespace) -> int:
    return _wrote(args, edit.remove(ProfileStore(), args.name), "Removed")


def _wrote(args: argparse.Namespace, file: Path, verb: str) -> int:
    if args.json:
        output.print_json({"name": args.name, "file": os.fspath(file)})
    else:
        print(f"{verb} {short_path(file)}", file=sys.stdout)
    return 0
