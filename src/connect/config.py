"""Read a choice: a YAML file into a frozen dataclass, checked key by key.

Every file under ``config/`` is one choice (a cohort, an atlas, a strategy ...) and has one dataclass in
:mod:`connect.settings` that says which keys it may hold. ``read(Strategy, path)`` gives an instance or a
:class:`~connect.errors.UserError` that names the file, the line and the nearest key. Paths inside a file are
relative to the folder of that file.

This module, :mod:`connect.layout` and :mod:`connect.scans` are all that the Snakefile imports, so they import nothing
heavier than YAML.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from connect.errors import UserError

T = TypeVar("T")
Keys = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where in a file a value stands, for error messages and for resolving relative paths."""

    file: str
    folder: Path
    lines: Mapping[Keys, int] = dataclasses.field(default_factory=dict)
    keys: Keys = ()

    def __truediv__(self, key: str) -> Place:
        return dataclasses.replace(self, keys=(*self.keys, key))

    def __str__(self) -> str:
        known = [self.lines[self.keys[:n]] for n in range(len(self.keys), 0, -1) if self.keys[:n] in self.lines]
        line = f", line {known[0]}" if known else ""
        return f"{self.file}{line}" + (f", key {'.'.join(self.keys)}" if self.keys else "")


def setting(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """Declare a key of a settings dataclass with its documentation, unit and range.

    Parameters
    ----------
    doc
        One sentence for the reference page and the JSON schema.
    default
        The value when the key is missing; without one the key is required.
    unit
        Unit of a number.
    minimum, maximum
        Closed range of a number.
    """
    metadata = {"doc": doc, "unit": unit, "minimum": minimum, "maximum": maximum}
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def read(kind: type[T], path: Path | str) -> T:
    """Read a YAML file as an instance of a settings dataclass.

    Parameters
    ----------
    kind
        A dataclass of :mod:`connect.settings`.
    path
        The YAML file.

    Raises
    ------
    UserError
        If the file is missing, is no YAML, or breaks a rule of ``kind``.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        near = suggest(path.name, (p.name for p in path.parent.glob("*.yaml")))
        must = f"the file of the {kind.__name__.lower()}"
        raise UserError(path, must, error.strerror, f"create it, or correct its name{near}") from error
    except UnicodeDecodeError as error:
        raise UserError(path, "text in UTF-8", error, "save the file as UTF-8") from error
    try:
        node = yaml.compose(text)
        values = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise UserError(path, "valid YAML", " ".join(str(error).split()), "correct the syntax") from error
    return parse(kind, values, Place(str(path), path.parent, dict(_lines(node))))


def parse(kind: type[T], values: object, place: Place) -> T:
    """Turn nested mappings into an instance of a settings dataclass, checking every key and value."""
    if not isinstance(values, Mapping):
        raise UserError(place, "keys with values", repr(values), "write `key: value` lines")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    for key in values:
        if key not in fields:
            todo = f"remove or correct it{suggest(str(key), fields)}"
            raise UserError(place / str(key), f"one of: {', '.join(fields)}", f"unknown key `{key}`", todo)
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name in values:
            found[name] = _value(hints[name], values[name], place / name)
            _check_range(field, found[name], place / name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            must = f"{'a mapping' if place.keys else 'a file'} with the key `{name}`: {field.metadata['doc']}"
            raise UserError(place, must, "no such key", f"add `{name}:`")
    try:
        return kind(**found)
    except UserError as error:
        raise UserError(
            f"{place}: {error.where}" if error.where else place, error.must, error.got, error.todo
        ) from error


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean `x`?`` for the known word nearest to ``word``, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _value(hint: Any, value: object, place: Place) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _one_of(args, value, place)
    if origin is Literal:
        if value not in args or isinstance(value, bool) != any(value is arg for arg in args if isinstance(arg, bool)):
            todo = f"choose one{suggest(str(value), map(str, args))}"
            raise UserError(place, f"one of: {', '.join(map(str, args))}", repr(value), todo)
        return value
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise UserError(place, "a list", repr(value), "write it as `[a, b]`")
        return tuple(_value(args[0], item, place / str(n)) for n, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise UserError(place, "keys with values", repr(value), "write `key: value` lines")
        return {str(key): _value(args[1], item, place / str(key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return parse(typing.cast("type[Any]", hint), value, place)
    return _scalar(hint, value, place)


def _one_of(hints: Sequence[Any], value: object, place: Place) -> Any:
    """Return the value as the first of several types that it fits; ``null`` only where it is one of them."""
    inner = [hint for hint in hints if hint is not type(None)]
    if value is None and len(inner) < len(hints):
        return None
    if isinstance(value, Mapping):
        # Of keys with values it is clear which type is meant, and so what is wrong inside.
        inner = [hint for hint in inner if typing.get_origin(hint) is Mapping] or inner
    errors = []
    for hint in inner:
        try:
            return _value(hint, value, place)
        except UserError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    raise UserError(place, " or ".join(error.must for error in errors), repr(value), errors[-1].todo)


def _scalar(hint: type, value: object, place: Place) -> Any:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(os.path.normpath(place.folder / value))
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UserError(place, names[hint], repr(value), f"write {names[hint]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(place, "a finite number", value, "write a finite number")
    return value


def _check_range(field: dataclasses.Field[Any], value: object, place: Place) -> None:
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = [f"of {word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None]
        must = " ".join(["a number", " and ".join(bounds), field.metadata["unit"]])
        raise UserError(place, " ".join(must.split()), value, "choose a value in the range")


class _Loader(yaml.SafeLoader):
    """Reads keys as the text that stands there (``01`` and ``no`` are session labels too) and each only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key `{key.value}` twice", key.start_mark)
            seen.add(str(key.value))
        self.flatten_mapping(node)
        return {str(key.value): self.construct_object(value, deep=deep) for key, value in node.value}


def _lines(node: yaml.Node | None, keys: Keys = ()) -> Iterable[tuple[Keys, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, item in node.value:
            yield (*keys, str(key.value)), key.start_mark.line + 1
            yield from _lines(item, (*keys, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for n, item in enumerate(node.value):
            yield (*keys, str(n)), item.start_mark.line + 1
            yield from _lines(item, (*keys, str(n)))
