"""The JSON Schema (draft 2020-12) of a system's profile files: it draws forms, and the reference page of the docs."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from dask_steward.errors import ProfileError
from dask_steward.profiles import registry
from dask_steward.profiles.checking import entry_at, model_at
from dask_steward.profiles.fields import Model

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(system: str) -> dict[str, Any]:
    """Return the JSON Schema of the profile files of a system.

    Each field has ``title``, ``description``, ``default`` and ``examples``. ``x-kind`` (``duration``, ``size``,
    ``walltime``, ``path``, ``text``, ``lines``) says what a text means; ``x-expanded`` that ``$VAR`` in it stays as
    written when a cluster starts.

    Parameters
    ----------
    system : str
        Name of the system, such as ``slurm``.

    Raises
    ------
    ProfileError
        If the system is not known.
    """
    kind, problem = registry.find(system)
    if kind is None:
        raise ProfileError(f"{problem}", field="system", value=system, problems=(problem,) if problem else ())
    found = kind.model_json_schema(schema_generator=GenerateJsonSchema)
    found["properties"].pop("name")  # a file is named by its name
    _complete(found, found, kind)
    if kind.scale_units:
        scale = found["$defs"]["Scale"]
        scale["properties"] = {unit: scale["properties"][unit] for unit in kind.scale_units}
        scale |= {"minProperties": 1, "maxProperties": 1}
    else:
        found["properties"].pop("scale")
        found["$defs"].pop("Scale")
    found["anyOf"] = [{"required": ["system"]}, {"required": ["extends"]}]
    return {
        "$schema": DIALECT,
        **found,
        "title": f"Profile for {system}",
        "description": kind.summary or kind.__doc__ or "",
    }


def _complete(whole: dict[str, Any], part: dict[str, Any], kind: type[Model]) -> None:
    """Add what pydantic leaves out: the default of fields that it makes anew for each profile."""
    default = kind()
    for name, field in part.get("properties", {}).items():
        if "default" not in field:
            field["default"] = _plain(getattr(default, name))
        if isinstance(field["default"], dict):
            field["default"] = {}  # a part that says nothing; its own fields have their defaults
        inner = model_at(kind, (name,)) or entry_at(kind.model_fields[name])
        if inner is not None:
            _complete(whole, whole["$defs"][inner.__name__], inner)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Model) else value
