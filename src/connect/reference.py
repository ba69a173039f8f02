"""Write the JSON schemas of the choices and the reference pages, from the classes and functions themselves."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import connect.settings
from connect import COMMANDS, STAGES
from connect.cli import parser
from connect.outputs import Output, files
from connect.settings import settings
from connect.tables import write_record, written

WORDS = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Path: "path"}
JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", Path: "string"}


def reference(
    schemas: Path = Path("workflow/schemas"),
    page: Path = Path("docs/reference/config.md"),
    commands: Path = Path("docs/reference/cli.md"),
    outputs: Path = Path("docs/reference/outputs.md"),
    rules: Path = Path("workflow/rules"),
) -> None:
    """Write the schemas and reference pages anew.

    Parameters
    ----------
    schemas
        Folder of the JSON schemas, one for each kind of choice.
    page
        Reference page (Markdown) of every key of every choice.
    commands
        Reference page (Markdown) of every command and its flags.
    outputs
        Reference page (Markdown) of every file that the workflow writes, with its columns.
    rules
        Folder of the rule files, which hold the paths of these files.
    """
    for kind in kinds():
        write_record(schemas / f"{kind}.schema.json", schema(kind))
    for path, text in ((page, config_page()), (commands, commands_page()), (outputs, outputs_page(rules))):
        with written(path) as aside:
            aside.write_text(text, encoding="utf-8")


def kinds() -> list[str]:
    """Return the kinds of choices, the plan first: the names of the modules of :mod:`connect.settings`."""
    names = [found.name for found in pkgutil.iter_modules(connect.settings.__path__)]
    return sorted(names, key=lambda name: (name != "plan", name))


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of the files of one kind."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{kind}.schema.json",
        "title": kind,
        **_object(settings(kind)),
    }


def config_page() -> str:
    """Return the Markdown page with a table of keys for each kind of choice."""
    lines = [
        "# Settings",
        "",
        "<!-- Made by `connect reference` from src/connect/settings; do not edit. -->",
        "",
        "Every file under `config/` is one choice. An unknown key, a missing one, a wrong type or a number out of",
        "its range is refused with the file and the line. A path in a file is relative to the folder of that file; a",
        "default path is relative to the folder in which the workflow runs. The same rules, as JSON schemas for",
        "editors, are in `workflow/schemas/`.",
    ]
    for kind in kinds():
        module = inspect.getdoc(importlib.import_module(f"connect.settings.{kind}")) or ""
        lines += ["", f"## {kind}", "", _plain(module), "", _plain(inspect.getdoc(settings(kind)) or ""), ""]
        lines += ["| key | type | default | unit | range | what |", "|---|---|---|---|---|---|"]
        lines += [_line(*row) for row in _rows(settings(kind))]
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """Return the Markdown page with a table of flags for each command and stage."""
    lines = [
        "# Commands",
        "",
        "<!-- Made by `connect reference` from the functions of src/connect; do not edit. -->",
        "",
        "A mistake in an input ends a command with exit code 2 and says where it is, what must be there, what was",
        "got and what to do. The workflow runs the stages; they can be run by hand in the same way.",
    ]
    for name in (*COMMANDS, *STAGES):
        if importlib.util.find_spec(f"connect.{name}") is not None:
            function = getattr(importlib.import_module(f"connect.{name}"), name)
            doc = _plain(inspect.getdoc(function) or "").partition("\n\nParameters\n")[0]
            lines += ["", f"## connect {name}", "", doc, ""]
            lines += ["| argument | value | what |", "|---|---|---|"]
            lines += [_line(_flag(action), _value(action), action.help or "") for action in _actions(function)]
    return "\n".join([*lines, ""])


def outputs_page(rules: Path) -> str:
    """Return the Markdown page with a table of columns, or keys, for each file that the workflow writes.

    Parameters
    ----------
    rules
        Folder of the rule files.
    """
    lines = [
        "# Outputs",
        "",
        "<!-- Made by `connect reference` from src/connect/outputs.py and workflow/rules; do not edit. -->",
        "",
        "Every file that the workflow writes under `results/` and `figures/`, stage by stage, and what each column",
        "means. Tables are tab-separated with `n/a` for missing values; arrays are float32 `.npy`, read with",
        '`numpy.load(path, mmap_mode="r")`; records are JSON with `null` for what is not known. Words in braces differ',
        "from file to file, names in angle brackets stand for columns that a choice names. A column with a word under",
        "*only* is in the tables of such models only. Which number to quote:",
        "[Read the results](../how-to/read-the-results.md).",
    ]
    shown: dict[int, str] = {}
    stage = ""
    for rule, path, output in files(rules):
        lines += ["", f"## {rule}"] if rule != stage else []
        stage, name = rule, path.rpartition("/")[2]
        beside = "; a JSON file of its name describes its columns" if output.beside else ""
        lines += ["", f"### {rule}: {name}", "", f"`{path}`", "", f"{_upper(output.about)}{beside}.", ""]
        if id(output) in shown:
            lines[-2] += f" Its columns are those of [{shown[id(output)]}](#{anchor(shown[id(output)])})."
            del lines[-1]
        elif output.columns:
            shown[id(output)] = f"{rule}: {name}"
            lines += _columns(output, "key" if path.endswith(".json") else "column")
        else:
            del lines[-1]
    return "\n".join([*lines, ""])


def _columns(output: Output, heading: str) -> list[str]:
    """Return the table of the columns of a file; what only some files have is told where there is such."""
    some = any(column.only for column in output.columns.values())
    head = (heading, "unit", "means", "only") if some else (heading, "unit", "means")
    rows = [
        _line(f"`{name}`", column.unit, column.about, *([column.only] if some else []))
        for name, column in output.columns.items()
    ]
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *rows]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _object(kind: type[Any]) -> dict[str, Any]:
    fields = dataclasses.fields(kind)
    hints = typing.get_type_hints(kind)
    made = {
        "description": _plain(inspect.getdoc(kind) or ""),
        "type": "object",
        "properties": {field.name: _property(field, hints[field.name]) for field in fields},
        "required": [field.name for field in fields if _is_required(field)],
        "additionalProperties": False,
    }
    ways = [{"required": [name]} for name in getattr(kind, "one_of", ())]
    return {**made, "anyOf": ways} if ways else made


def _property(field: dataclasses.Field[Any], hint: Any) -> dict[str, Any]:
    unit = f" ({field.metadata['unit']})" if field.metadata["unit"] else ""
    bounds = {key: field.metadata[key] for key in ("minimum", "maximum") if field.metadata[key] is not None}
    made = {**_type(hint, bounds), "description": field.metadata["doc"] + unit}
    return made if _is_required(field) else {**made, "default": _default(field)}


def _type(hint: Any, bounds: Mapping[str, float]) -> dict[str, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [{"type": "null"} if arg is type(None) else _type(arg, bounds) for arg in args]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        return {"type": "array", "items": _type(args[0], bounds)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _type(args[1], bounds)}
    if dataclasses.is_dataclass(hint):
        return _object(typing.cast("type[Any]", hint))
    return {"type": JSON_TYPES[hint], **(bounds if hint in (int, float) else {})}


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> Any:
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    return json.loads(json.dumps(plain, default=lambda path: path.as_posix()))


def _rows(kind: type[Any], prefix: str = "") -> Iterator[list[str]]:
    """Yield the cells of each key; the keys inside a key follow it."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        key, hint, facts = prefix + field.name, hints[field.name], field.metadata
        inner, step = _inside(hint)
        default = "required" if _is_required(field) else "" if inner and field.default else _written(_default(field))
        yield [
            f"`{key}`",
            _words(hint),
            default,
            facts["unit"],
            _range(facts["minimum"], facts["maximum"]),
            facts["doc"],
        ]
        if inner:
            yield from _rows(inner, key + step)


def _inside(hint: Any) -> tuple[type[Any] | None, str]:
    """Return the settings class inside a type, and how its keys are appended to the key outside."""
    if dataclasses.is_dataclass(hint):
        return typing.cast("type[Any]", hint), "."
    for arg in typing.get_args(hint):
        if dataclasses.is_dataclass(arg):
            is_mapping = issubclass(typing.get_origin(hint), Mapping)
            return typing.cast("type[Any]", arg), ".NAME." if is_mapping else "."
    return None, ""


def _words(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join("`null`" if arg is type(None) else _words(arg) for arg in args)
    if origin is Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin is tuple:
        return f"list of {_words(args[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"names, each with: {_words(args[1])}"
    return "keys" if dataclasses.is_dataclass(hint) else WORDS[hint]


def _written(value: Any) -> str:
    return "empty" if value in ("", [], {}) else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"from {low:g}" if low is not None else f"up to {high:g}" if high is not None else ""


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("%%", "%") for cell in cells) + " |"


def _plain(doc: str) -> str:
    return doc.replace("``", "`")


def _actions(function: Any) -> list[argparse.Action]:
    return [action for action in parser(function)._actions if action.dest != "help"]


def _flag(action: argparse.Action) -> str:
    flag = action.option_strings[0] if action.option_strings else action.dest.upper()
    return f"`{flag}`" + ("" if action.required else " (optional)")


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return "none"
    if action.choices is not None:
        return ", ".join(f"`{word}`" for word in action.choices)
    word = WORDS[action.type] if isinstance(action.type, type) else "text"
    return f"{word}, one or more" if action.nargs == "+" else word
