"""`connect reference`: schemas and pages are what the classes and functions say, and the tree holds the newest ones."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
import typing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from connect import COMMANDS, STAGES
from connect.cli import parser
from connect.config import read
from connect.errors import UserError
from connect.reference import commands_page, config_page, kinds, reference, schema
from connect.settings import settings

ROOT = Path(__file__).parents[1]
FOLDERS = {"plan": ".", "atlas": "atlases", "strategy": "strategies", "domains": "domains"}
CHOICES = [
    (kind, path)
    for kind in kinds()
    for path in sorted((ROOT / "config" / FOLDERS.get(kind, f"{kind}s")).glob("*.yaml"))
]
MINIMAL: dict[str, dict[str, Any]] = {
    "plan": {"cohorts": {"c": ["m"]}, "atlases": ["a"], "strategies": ["s"], "measures": ["k"], "figures": []},
    "atlas": {"title": "A", "kind": "spheres", "parcels": "p.tsv", "spaces": ["MNI152NLin6Asym"]},
    "calibration": {},
    "cohort": {"title": "C", "derivatives": ".", "participants": "p.tsv", "sessions": {"pre": {"phase": "pre"}}},
    "domains": {"emotion": {"networks": ["E"]}, "cognition": {"networks": ["C"]}},
    "figure": {"title": "F", "kind": "matrix", "caption": "c"},
    "measure": {"title": "M", "kind": "correlation"},
    "model": {"question": "q", "formula": "~ 1", "contrast": "mean"},
    "phenotype": {"title": "P", "higher": "m", "score": {"key": "k", "scale": "s", "items": "i{item}"}},
    "score": {"title": "Q", "items": 1, "responses": [0, 1], "scales": {"all": [1]}, "made_by": "sum"},
    "statistic": {"title": "T", "function": "s.py:f", "unit": "u"},
    "strategy": {"title": "S"},
}


def validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(kind))


def nested(kind: type[Any], prefix: str = "") -> list[str]:
    """Return the keys of a settings class and of the classes inside it, as the page writes them."""
    keys = []
    for field in dataclasses.fields(kind):
        hint = typing.get_type_hints(kind)[field.name]
        inner = [arg for arg in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(arg)]
        step = ".NAME." if "Mapping" in str(hint) else "."
        keys += [prefix + field.name, *(key for arg in inner for key in nested(arg, prefix + field.name + step))]
    return keys


def test_the_tree_holds_the_newest_schemas_and_pages(tmp_path: Path, root: Path) -> None:
    pages = (tmp_path / "docs" / "reference" / f"{name}.md" for name in ("config", "cli", "outputs"))
    reference(tmp_path / "workflow" / "schemas", *pages, root / "workflow" / "rules")
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    folders = (root / "workflow" / "schemas", root / "docs" / "reference")
    shipped = {path.relative_to(root): path.read_bytes() for folder in folders for path in folder.glob("*")}
    stale = sorted(str(path) for path in made.keys() | shipped.keys() if made.get(path) != shipped.get(path))
    assert not stale, f"{', '.join(stale)}: not what the code says now; run `make reference`"


def test_every_folder_of_choices_has_a_kind(root: Path) -> None:
    folders = {path.name for path in (root / "config").iterdir() if path.is_dir()}
    assert folders == {FOLDERS.get(kind, f"{kind}s") for kind in kinds() if kind != "plan"}
    assert {kind for kind, _ in CHOICES} == set(kinds())


@pytest.mark.parametrize(("kind", "path"), CHOICES, ids=[f"{kind}-{path.stem}" for kind, path in CHOICES])
def test_every_shipped_choice_is_valid_both_ways(kind: str, path: Path) -> None:
    read(settings(kind), path)
    validator(kind).validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", kinds())
def test_a_schema_is_sound_and_closed(kind: str) -> None:
    made = schema(kind)
    jsonschema.Draft202012Validator.check_schema(made)
    assert made["$schema"].endswith("2020-12/schema")
    for part in parts(made):
        assert part["additionalProperties"] is False or "type" in part["additionalProperties"]
        for key, facts in part.get("properties", {}).items():
            assert facts["description"], key
            assert (key in part["required"]) != ("default" in facts), key


def parts(made: Any) -> list[dict[str, Any]]:
    """Return every schema of an object inside a schema."""
    if isinstance(made, list):
        return [part for item in made for part in parts(item)]
    if not isinstance(made, dict):
        return []
    here = [made] if made.get("type") == "object" else []
    return here + [part for item in made.values() for part in parts(item)]


@pytest.mark.parametrize("kind", kinds())
def test_schema_and_reader_agree(kind: str, tmp_path: Path) -> None:
    """What the schema accepts and refuses, the reader accepts and refuses."""
    path = tmp_path / "choice.yaml"
    good = MINIMAL[kind]
    bad = [{**good, "unheard_of": 1}, *({k: v for k, v in good.items() if k != key} for key in good)]
    bad += [{**good, key: 3.5} for key in good]
    for name, facts in schema(kind)["properties"].items():
        for number in (facts, *facts.get("anyOf", ())):
            bad += [{**good, name: number["minimum"] - 1}] if "minimum" in number else []
            bad += [{**good, name: number["maximum"] + 1}] if "maximum" in number else []
            bad += [{**good, name: True}] if number.get("type") in ("integer", "number", "string") else []
    path.write_text(json.dumps(good))
    read(settings(kind), path)
    validator(kind).validate(good)
    for values in bad:
        assert not validator(kind).is_valid(values), values
        path.write_text(json.dumps(values))
        with pytest.raises(UserError):
            read(settings(kind), path)


@pytest.mark.parametrize("kind", kinds())
def test_defaults_of_a_schema_are_those_of_the_reader(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "choice.yaml"
    path.write_text(json.dumps(MINIMAL[kind]))
    found = read(settings(kind), path)
    for name, facts in schema(kind)["properties"].items():
        if "default" in facts and name not in MINIMAL[kind]:
            value = getattr(found, name)
            plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value
            assert json.loads(json.dumps(plain, default=str)) == facts["default"]
            assert validator(kind).is_valid({**MINIMAL[kind], name: facts["default"]})


def test_units_ranges_and_choices_reach_the_schema() -> None:
    limits = schema("cohort")["properties"]["limits"]["properties"]
    assert limits["mean_fd"]["description"].endswith("(mm)")
    assert (limits["coverage"]["minimum"], limits["coverage"]["maximum"]) == (0, 1)
    assert schema("atlas")["properties"]["kind"]["enum"] == ["labels", "spheres", "maps"]
    assert schema("figure")["properties"]["colour_map"]["default"] == "RdBu_r"


@pytest.mark.parametrize("kind", kinds())
def test_every_key_is_documented(kind: str) -> None:
    section = re.split(r"^## ", config_page(), flags=re.MULTILINE)[kinds().index(kind) + 1]
    assert section.startswith(f"{kind}\n")
    assert re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE) == nested(settings(kind))
    cells = [len(re.split(r"(?<!\\)\|", line)) for line in section.splitlines() if line.startswith("|")]
    assert set(cells) == {8}


def test_every_flag_is_documented_with_a_help() -> None:
    page = commands_page()
    for name in (*COMMANDS, *STAGES):
        section = page.split(f"\n## connect {name}\n")[1].split("\n## ")[0]
        for action in parser(getattr(importlib.import_module(f"connect.{name}"), name))._actions:
            word = action.option_strings[-1] if action.option_strings else action.dest.upper()
            assert action.dest == "help" or f"| `{word}`" in section
            assert action.help, f"connect {name} {word} has no help: add it to the docstring"


def test_pages_do_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    first = commands_page()
    monkeypatch.setenv("COLUMNS", "40")
    assert commands_page() == first
