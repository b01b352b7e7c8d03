"""The kinds of values that profiles hold, and how each is read.

Each kind is an annotated type: the attribute of a model has the plain type (seconds and bytes are numbers), and the
annotation reads what people write, says in one sentence what is allowed, and describes itself in the JSON Schema.
Until a profile is expanded a value may also be a text with ``$VAR`` in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from dask_steward import units
from dask_steward.profiles import variables
from dask_steward.profiles.problems import nearest

VARIABLE: dict[str, Any] = {"type": "string", "pattern": "\\$", "title": "Environment variable"}
MOST = 2**53  # the largest whole number that JSON carries through every reader unharmed


class Wrong(ValueError):
    """A value that a field does not take."""

    def __init__(self, message: str, *, allowed: str | None = None, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.allowed = allowed
        self.suggestion = suggestion


class Reads:
    """How the values of a field are read.

    Parameters
    ----------
    read : callable
        Takes what the file holds and returns the value; raises ValueError with a sentence.
    schema : mapping
        JSON Schema of what `read` takes.
    variable : bool
        Whether ``$VAR`` may stand for the value until the profile is expanded.
    several : bool
        Whether a text may have several lines.
    """

    def __init__(
        self,
        read: Callable[[Any], Any],
        schema: Mapping[str, Any],
        *,
        variable: bool = True,
        several: bool = False,
    ) -> None:
        self.read = read
        self.schema = schema
        self.variable = variable
        self.several = several

    def _validate(self, value: Any, info: core_schema.ValidationInfo[Any]) -> Any:
        try:
            waits = self.variable and not (info.context or {}).get("expanded")
            if waits and isinstance(value, str) and variables.has_variable(value):
                variables.check(value)
                return single_line(str(value), several=self.several)
            return self.read(value)
        except ValueError as error:
            raise PydanticCustomError(
                "wrong",
                "{reason}",
                {
                    "reason": str(error),
                    "allowed": getattr(error, "allowed", None),
                    "suggestion": getattr(error, "suggestion", None),
                },
            ) from None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = dict(self.schema)
        if not self.variable or (found.get("type") == "string" and not {"enum", "pattern"} & found.keys()):
            return found
        kind = {"x-kind": found.pop("x-kind")} if "x-kind" in found else {}
        branches = found.get("anyOf", [found])
        if {"type": "string"} in branches:
            return {"anyOf": branches, **kind}
        return {"anyOf": [*branches, VARIABLE], **kind}


class Listed:
    """A list that may be written as its only element."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._listed, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"type": "string"}]}

    @staticmethod
    def _listed(value: Any) -> Any:
        return [value] if isinstance(value, (str, int, float)) else value


class OneOrEach:
    """A mapping for all, or a list with one for each: annotates ``M | tuple[M, ...]``, where ``M`` is a model."""

    TAGS = ("·one", "·each")
    """What pydantic puts into the path of an error; no field is called so."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        ways = {tag: handler.generate_schema(way) for tag, way in zip(self.TAGS, get_args(source), strict=True)}
        return core_schema.tagged_union_schema(ways, lambda value: self.TAGS[isinstance(value, (list, tuple))])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = handler(schema)
        # In the form of every other choice in a profile's schema.
        return {"anyOf": found["oneOf"]}


def whole(low: int, high: int = MOST) -> Reads:
    """Read a whole number between two bounds, both included."""
    words = f"a whole number of at least {low}" if high == MOST else f"a whole number from {low} to {high}"

    def read(value: Any) -> int:
        found = _number(value)
        if found is None or not math.isfinite(found) or found != int(found):
            raise ValueError(f"must be {words}")
        if not low <= found <= high:
            raise ValueError(f"must be {words}")
        return int(found)

    return Reads(read, {"type": "integer", "minimum": low, "maximum": high})


def amount(low: float = 0) -> Reads:
    """Read a finite number that is not below a bound."""

    def read(value: Any) -> float:
        found = _number(value)
        if found is None or not math.isfinite(found) or not low <= found <= MOST:
            raise ValueError(f"must be a number of at least {low:g}")
        return float(found)

    return Reads(read, {"type": "number", "minimum": low, "maximum": MOST})


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
        return None
    # An int beyond the range of a float would overflow in math.isfinite; it is over every bound anyway.
    return math.inf if isinstance(value, int) and abs(value) > MOST else value


def flag() -> Reads:
    """Read true or false."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

    def read(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
        raise ValueError("must be true or false")

    return Reads(read, {"type": "boolean"})


def choice(*names: str, fold: bool = True) -> Reads:
    """Read one of several words."""

    def read(value: Any) -> str:
        if isinstance(value, str) and value in names:
            return str(value)
        near = nearest(value, names) if isinstance(value, str) else None
        raise Wrong("is not one of the words that are known", allowed=", ".join(names), suggestion=near)

    return Reads(read, {"type": "string", "enum": list(names)})


def single_line(value: str, *, several: bool = False) -> str:
    """Refuse what a job script or a file name cannot hold: NUL and the like, line ends unless `several` are welcome."""
    for character in value:
        if character in "\n\t" and several:
            continue
        if not character.isprintable() and character != "\t":
            what = "a line end" if character in "\r\n\v\f\x85\u2028\u2029" else f"the character U+{ord(character):04X}"
            raise ValueError(f"must not hold {what}")
    return value


def text(value: Any) -> str:
    """Read a text of one line; a number is taken as it is written in the file."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = getattr(value, "text", None) or str(value)
    if isinstance(value, bool):
        raise Wrong("must be a text", suggestion=f'"{str(value).lower()}", in quotes')
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if not value.strip():
        raise ValueError("must not be empty")
    return single_line(str(value))


def _value_text(value: Any) -> str:
    return "" if value == "" and isinstance(value, str) else text(value)


def _lines(value: Any) -> str:
    if isinstance(value, str) and "\n" in value:
        return single_line(str(value).rstrip("\n"), several=True)
    return text(value)


def _prose(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return single_line(str(value).strip(), several=True)


def _limited(parse: Callable[[Any], int | float], low: float) -> Callable[[Any], int | float]:
    def read(value: Any) -> int | float:
        found = parse(value)
        if found > MOST:
            raise ValueError("is more than any cluster has")
        if found < low:
            raise ValueError("must be more than nothing" if low else "must not be negative")
        return found

    return read


def _memory_limit(value: Any) -> int | Literal["auto"]:
    if isinstance(value, str) and value.strip().lower() == "auto":
        return "auto"
    try:
        return int(_limited(units.parse_size, 0)(value))
    except ValueError as error:
        raise ValueError(f"{error}; or auto, or 0 for no limit") from None


_AMOUNT_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "number", "minimum": 0, "maximum": MOST}, {"type": "string"}]}

Count = Annotated[int, whole(0, 1_000_000)]
Positive = Annotated[int, whole(1, 1_000_000)]
Port = Annotated[int, whole(0, 65535)]
Amount = Annotated[float, amount(0)]
Flag = Annotated[bool, flag()]
Text = Annotated[str, Reads(text, {"type": "string", "minLength": 1, "x-kind": "text"})]
Path = Annotated[str, Reads(text, {"type": "string", "minLength": 1, "x-kind": "path"})]
Plain = Annotated[str, Reads(text, {"type": "string", "minLength": 1, "x-kind": "text"}, variable=False)]
Prose = Annotated[str, Reads(_prose, {"type": "string", "x-kind": "lines"}, variable=False)]
Value = Annotated[str, Reads(_value_text, {"anyOf": [{"type": "string"}, {"type": "number"}], "x-kind": "text"})]
Lines = Annotated[str, Reads(_lines, {"type": "string", "minLength": 1, "x-kind": "lines"}, several=True)]
Size = Annotated[int, Reads(_limited(units.parse_size, 1), {**_AMOUNT_SCHEMA, "x-kind": "size"})]
Duration = Annotated[float, Reads(_limited(units.parse_duration, 0), {**_AMOUNT_SCHEMA, "x-kind": "duration"})]
Span = Annotated[float, Reads(_limited(units.parse_duration, 1e-9), {**_AMOUNT_SCHEMA, "x-kind": "duration"})]
MemoryLimit = Annotated[int | Literal["auto"], Reads(_memory_limit, {**_AMOUNT_SCHEMA, "x-kind": "size"})]
Texts = Annotated[tuple[Text, ...], Listed()]
Blocks = Annotated[tuple[Lines, ...], Listed()]


class Model(BaseModel):
    """Base of everything in a profile: immutable, unknown fields are errors, each field says what it is."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        field_title_generator=lambda name, info: name.replace("_", " ").capitalize(),
    )

    not_taken: ClassVar[Mapping[str, str]] = {}
    """Fields that people may expect here, each with a sentence that says what to write instead."""


#: For a field of words for people, in which a dollar sign is money.
NEVER_EXPANDED: dict[str, Any] = {"x-expanded": "never"}


def node_field(default: Any = None, **details: Any) -> Any:
    """Declare a field whose ``$VAR`` belong to the node that runs the job: expanding a profile leaves it as written."""
    return Field(default, json_schema_extra={"x-expanded": "on the node"}, **details)


def kind_of(info: FieldInfo) -> str | None:
    """Return what a field's text means (``duration``, ``size``, ``path`` …), as ``x-kind`` in the schema does."""
    pending: list[Any] = [*info.metadata, info.annotation]
    while pending:
        part = pending.pop()
        if isinstance(part, Reads) and "x-kind" in part.schema:
            return str(part.schema["x-kind"])
        pending.extend(get_args(part))
    return None


def stays_as_written(info: FieldInfo) -> bool:
    """Tell whether a field keeps its ``$VAR`` when the profile is expanded."""
    extra = info.json_schema_extra
    return isinstance(extra, dict) and "x-expanded" in extra
