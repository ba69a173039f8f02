"""The report: one page that loads nothing, says what was found with its uncertainty, and hides nothing."""

from __future__ import annotations

import base64
import doctest
import gzip
import html
import importlib
import io
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from connect import words
from connect.cli import main
from connect.compare import compare
from connect.errors import TooFew, UserError
from connect.relate import relate
from connect.report import inputs, methods, packed, quality, references, report, sections, wording
from connect.report import scans as scan_pages
from connect.settings.cohort import Limits, Session
from connect.settings.strategy import Scrub, Strategy
from connect.tables import read_record, write_array, write_record, write_table
from tests.persons import write_phenotype

VOID = {"meta", "link", "img", "br", "hr", "input", "line", "circle"}
PARCELS = ("Amy", "Hip", "Ins", "Pfc", "Par", "Acc")
UNSEEN = "mean FD 0.9 mm is above 0.5 mm"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 3"><title>{}</title><rect width="4" height="3"/></svg>'

MODELS: dict[str, dict[str, Any]] = {
    "by-arm": {
        "question": "Does training <do> more & better?",
        "formula": "~ group",
        "contrast": "group[training] - group[waiting]",
        "test": "residuals",
        "motion_covariate": False,
        "permutations": 5000,
    },
    "slope": {
        "question": "Does change go with age?",
        "formula": "~ age",
        "contrast": "age",
        "permutations": 199,
        "seed": 7,
    },
    "waiting": {
        "question": "Does it change while waiting?",
        "formula": "~ 1",
        "contrast": "mean",
        "where": {"group": ["waiting"]},
        "motion_covariate": False,
    },
}
ANXIETY = {
    "title": "Attachment anxiety <ECR-R>",
    "unit": "score",
    "higher": "less secure attachment",
    "words": "the scale `anxiety` of the key ecr-r",
}
CHOICES: dict[str, dict[str, Any]] = {
    "cohorts/small": {
        "title": "Small & simulated",
        "derivatives": "../..",
        "participants": "../../participants.tsv",
        "sessions": {"pre": {"phase": "pre", "weeks": 0}, "post": {"phase": "post", "weeks": 8}},
        "source": "Nobody 2020, doi:10.1000/xyz(1), see https://example.org/data.",
    },
    "atlases/six": {"title": "Six", "kind": "spheres", "parcels": "six.tsv", "spaces": ["MNI152NLin6Asym"]},
    "domains/six": {"emotion": {"networks": ["Salience"]}, "cognition": {"networks": ["Control"]}},
    "strategies/clean": {"title": "Clean", "motion": "full", "scrub": {"fd": 0.5}},
    "measures/correlation": {"title": "Correlation", "kind": "correlation"},
    "figures/lines": {"title": "Lines", "kind": "slopegraph", "caption": "A line is a participant."},
    "figures/dots": {"title": "Dots", "kind": "motion", "caption": "A dot is a scan."},
    "figures/person": {"title": "The person", "kind": "relation", "caption": "A point each.", "about": "relation"},
    "figures/strategies": {"title": "Strategies", "kind": "denoising", "caption": "A row each.", "about": "cohort"},
}


def assessed(strategy: str, title: str, n: int = 9, reason: str | None = None) -> dict[str, Any]:
    """Return what the assess stage says of a strategy: above chance in level, within it in change."""
    names = ("median_abs_r", "share", "distance")
    ends = ("", "_chance", "_low", "_high", "_p")
    numbers = ((0.421, 0.24, 0.17, 0.36, 0.004), (0.112, 0.046, 0.012, 0.171, 0.09), (-0.31, 0.01, -0.22, 0.21, 0.02))
    blank = {name + end: None for name in names for end in ends}
    found = {
        name + end: value
        for name, row in zip(names, numbers, strict=True)
        for end, value in zip(ends, row, strict=True)
    }
    level = {"n": n, "n_edges": 15, "reason": None, **found}
    change = {"n": n - 1, "n_edges": 15, "reason": None, **found, "median_abs_r": 0.25, "distance": 0.08}
    if reason:
        level, change = ({"n": m, "n_edges": 0, "reason": reason, **blank} for m in (n, n - 1))
    spread = {"ci_low": -0.05, "ci_high": 0.11, "n": n - 2}
    return {
        "atlas": "six", "strategy": strategy, "measure": "correlation", "title": title, "n_scans": 19, "n_kept": 18,
        "n_participants": n, "minutes": {"mean": 6.33, "ci_low": 6.1, "ci_high": 6.56, "n": n},
        "tdof": {"mean": 41.5, "ci_low": 40.0, "ci_high": 43.0, "n": n}, "fd_dvars": {"mean": 0.03, **spread},
        "level": level, "change": change,
    }  # fmt: skip


class Page(HTMLParser):
    """A page as a list of elements with their text; complains about tags that are not nested."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, list[str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        opened, parts = self.open.pop()
        assert opened == tag
        self.texts.setdefault(tag, []).append(" ".join("".join(parts).split()))

    def handle_data(self, data: str) -> None:
        for _, parts in self.open:
            parts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return self.texts["body"][0]


@dataclass
class Study:
    """A folder with all that the stage reads."""

    folder: Path
    universes: list[str] = field(default_factory=lambda: ["clean"])
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MODELS)

    def choice(self, name: str) -> Path:
        return self.folder / "config" / f"{name}.yaml"

    def results(self, name: str, strategy: str = "clean") -> list[Path]:
        return [self.result(model, name, strategy) for model in self.models]

    def result(self, model: str, name: str, strategy: str = "clean") -> Path:
        stage = "relate" if "phenotypes" in self.models[model] else "compare"
        return self.folder / stage / strategy / model / name

    @property
    def relations(self) -> list[str]:
        return [model for model, keys in self.models.items() if "phenotypes" in keys]

    def inputs(self) -> dict[str, Any]:
        others = [model for model in self.models if model not in self.relations]
        figures = [self.folder / "draw" / model / f"{name}.svg" for model in others for name in ("lines", "dots")]
        figures += [self.folder / "draw" / model / "person.svg" for model in self.relations]
        recipes = ["lines", "dots", "strategies", *(["person"] if self.relations else [])]
        return {
            "cohort": self.choice("cohorts/small"),
            "atlas": self.choice("atlases/six"),
            "domains": self.choice("domains/six"),
            "strategy": self.choice("strategies/clean"),
            "measure": self.choice("measures/correlation"),
            "models": [self.choice(f"models/{name}") for name in self.models],
            "scans": self.folder / "kept.tsv",
            "lost": self.folder / "lost.tsv",
            "domain_tests": self.results("domains.tsv"),
            "network_tests": self.results("networks.tsv"),
            "edge_tests": self.results("edges.tsv"),
            "components": self.results("components.tsv"),
            "people": self.results("participants.tsv"),
            "summaries": [path for name in self.universes for path in self.results("summary.json", name)],
            "assessments": [self.folder / "assess" / name / "summary.json" for name in self.universes],
            "recipes": [self.choice(f"figures/{name}") for name in recipes],
            "figures": [*figures, self.folder / "draw" / next(iter(self.models)) / "strategies.svg"],
            "slopes": [self.result(model, "slopes.tsv") for model in self.relations],
        }

    def report(self, **changed: Any) -> tuple[Path, str]:
        paths = {**self.outputs(), **changed}
        report(**{**self.inputs(), **paths})
        return paths["page"], paths["answer"].read_text(encoding="utf-8")

    def outputs(self) -> dict[str, Path]:
        names = {"page": "report.html", "answer": "answer.txt", "text": "methods.md", "bibliography": "references.bib"}
        return {flag: self.folder / name for flag, name in names.items()}

    def summary(self, model: str) -> dict[str, Any]:
        return read_record(self.result(model, "summary.json"))


def make_study(folder: Path, models: Mapping[str, Mapping[str, Any]] = MODELS) -> Study:
    """Write a study, and what was found in it, for models of which the first is primary."""
    study = Study(folder, ["clean", "other"], models)
    for name, values in {**CHOICES, **{f"models/{name}": dict(model) for name, model in models.items()}}.items():
        study.choice(name).parent.mkdir(parents=True, exist_ok=True)
        study.choice(name).write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    networks = ["Salience"] * 3 + ["Control"] * 3
    parcels = pd.DataFrame({"index": range(1, 7), "name": PARCELS, "network": networks, "region": "cortex"})
    write_table(study.choice("atlases/six").with_suffix(".tsv"), parcels)
    _scans(study)
    for model in models:
        _test(study, model)
        names = ("person",) if model in study.relations else ("lines", "dots")
        for figure in (*names, *(["strategies"] if model == next(iter(models)) else [])):
            path = folder / "draw" / model / f"{figure}.svg"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = figure if figure == "strategies" else f"{model} {figure}"
            path.write_text(SVG.format(text), encoding="utf-8")
    write_record(folder / "assess" / "clean" / "summary.json", assessed("clean", "Clean <&> well"))
    reason = "it takes 6 participants with kept scans; there are 5"
    write_record(folder / "assess" / "other" / "summary.json", assessed("other", "Other", 5, reason))
    return study


def _test(study: Study, model: str) -> None:
    """Compare or relate, as the model asks, and write a summary of another universe beside it."""
    folder = study.folder
    given = {name: study.inputs()[name] for name in ("strategy", "measure", "atlas", "domains", "cohort")}
    given |= {name: folder / f"{name}.tsv" for name in ("scans", "kept", "participants")}
    given |= {"connectomes": folder / "connectomes.npy", "model": study.choice(f"models/{model}")}
    tables = {"domain_tests": "domains", "network_tests": "networks", "edge_tests": "edges"}
    tables |= {"components": "components", "nulls": "nulls", "values": "values", "people": "participants"}
    found = {name: study.result(model, f"{file}.tsv") for name, file in tables.items()}
    found["summary"] = study.result(model, "summary.json")
    if model in study.relations:
        measured = [folder / "phenotypes" / f"{name}.tsv" for name in study.models[model]["phenotypes"]]
        relate(**given, **found, phenotypes=measured, slopes=study.result(model, "slopes.tsv"))
    else:
        compare(**given, **found)
    record = study.summary(model)
    record["motion"]["flag"] = None
    write_record(found["summary"], record)
    other = {**record["primary"], "estimate": -0.111, "ci_low": -0.222, "ci_high": 0.333, "p": 0.5}
    moved = {**record, "strategy": "other", "primary": other, "gate": "closed"}
    write_record(study.result(model, "summary.json", "other"), moved)


def _scans(study: Study) -> None:
    """Write scans of six people who train and four who wait; one moved too much, one never came back."""
    rng = np.random.default_rng(3)
    ages = (30, 28, 22, 35, 27, 24, 29, 26, 33, 23)
    people = [(f"sub-{n:02d}", "training" if n < 7 else "waiting", age) for n, age in enumerate(ages, start=1)]
    people[0] = ("sub-<b>01", *people[0][1:])
    rows, connectomes = [], []
    for person, group, _ in people:
        for session in ("pre", "post"):
            moved, gone = (person, session) == ("sub-02", "post"), (person, session) == ("sub-07", "post")
            if gone:
                continue
            names = {"participant_id": person, "session_id": f"ses-{session}", "run": None}
            volumes = {"start": 0, "stop": 0, "n_volumes": 200, "n_kept": 190, "minutes": 6.33, "tdof": 41.5}
            motion = {"n_confounds": 24, "mean_fd": 0.9 if moved else rng.uniform(0.1, 0.3), "max_fd": 2.0}
            motion |= {
                "fd_above_02": 0.25,
                "fd_above_05": 0.075,
                "mean_dvars": 20.1,
                "max_std_dvars": 3.21,
                "tsnr": 61.4,
            }
            motion |= {"coverage": 0.987, "fd_dvars": None if moved else 0.123, "tr": 2.0, "scanner": "Acme 3T"}
            verdict = {"unusable": None, "kept": "no" if moved else "yes", "reason": UNSEEN if moved else None}
            rows.append({**names, "scan": f"{person}_ses-{session}", **volumes, **motion, **verdict})
            if not moved:
                gain = 0.3 * (group == "training") * (session == "post")
                connectomes.append(0.2 + gain + 0.05 * rng.standard_normal(15))
                if (person, session) == ("sub-03", "pre"):
                    connectomes[-1][[4, 8, 11, 13, 14]] = np.nan
    kept = pd.DataFrame(rows)
    write_table(study.folder / "kept.tsv", kept)
    write_table(study.folder / "scans.tsv", kept[kept["kept"] == "yes"].drop(columns=["kept", "reason", "unusable"]))
    write_array(study.folder / "connectomes.npy", np.array(connectomes))
    write_table(
        study.folder / "lost.tsv", pd.DataFrame([{"scan": "sub-03_ses-pre", "parcel": "Acc", "coverage": 0.25}])
    )
    table = pd.DataFrame(people, columns=["participant_id", "group", "age"])
    write_table(study.folder / "participants.tsv", table)
    names = [name for name, _, _ in people]
    oxytocin = {(name, session): float(rng.uniform(10, 40)) for name in names for session in ("pre", "post")}
    write_phenotype(study.folder / "phenotypes" / "oxytocin.tsv", {**oxytocin, ("sub-04", "post"): np.nan})
    anxiety = {(name, "pre"): 1 + 0.6 * place for place, name in enumerate(names)}
    write_phenotype(study.folder / "phenotypes" / "anxiety.tsv", anxiety, **ANXIETY)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def written(study: Study) -> tuple[Path, str]:
    return study.report()


@pytest.fixture(scope="module")
def page(written: tuple[Path, str]) -> Page:
    return Page(written[0])


def section(path: Path, name: str) -> str:
    """Return the text of a section."""
    source = re.search(rf'<section id="{name}".*?</section>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert source
    spaced = re.sub(r"</(t[dh]|h\d|p|dt|dd)>", " ", source[0])
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", spaced)).split())


def test_the_page_loads_nothing(written: tuple[Path, str], page: Page) -> None:
    assert not {name for name, _ in page.elements} & {"link", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "data", "poster"):
                allowed = ("#", "https://") if tag == "a" else ("data:image/",)
                assert str(value).startswith(allowed)
    policy = next(meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'; ")
    assert "http" not in str(policy["content"])


def test_the_page_is_well_formed_and_accessible(page: Page) -> None:
    check_well_formed(page)


def check_well_formed(page: Page) -> None:
    """Check that a page can be read by programs, and by people with a screen reader."""
    assert page.all("html") == [{"lang": "en"}]
    ids = [str(attributes["id"]) for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [str(link["href"]) for link in page.all("a")]
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)
    assert targets[0] == "#answer"
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert all(drawn.get("aria-hidden") == "true" for drawn in page.all("svg"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(root: Path, scheme: str) -> None:
    css = (root / "src" / "connect" / "report" / "templates" / "report.css").read_text()
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in css.split("@media")[:2])
    colours = {"light": light, "dark": dark}[scheme]
    for name in ("text", "muted", "link", "open", "closed", "alert"):
        for behind in ("page", "panel"):
            high, low = sorted((_luminance(colours[name]), _luminance(colours[behind])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_every_figure_is_embedded_with_a_text(study: Study, page: Page) -> None:
    images = page.all("img")
    shown = [unquote(str(image["src"]).partition(",")[2]) for image in images]
    assert shown == [path.read_text() for path in study.inputs()["figures"]]
    assert [image["alt"] for image in images][:2] == ["Lines. Model by-arm.", "Dots. Model by-arm."]
    assert page.texts["figcaption"][0].startswith("Lines. A line is a participant.")


def test_names_are_escaped(written: tuple[Path, str], page: Page) -> None:
    source = written[0].read_text(encoding="utf-8")
    assert "sub-<b>01" not in source
    assert "<do>" not in source
    assert "sub-<b>01" in page.text
    assert "Does training <do> more & better?" in page.text


def test_the_answer_has_the_numbers_of_the_summary(study: Study, written: tuple[Path, str]) -> None:
    summary, (effect, analysed, left_out) = study.summary("by-arm"), written[1].splitlines()
    found = {name: f"{value:.3g}" for name, value in summary["primary"].items() if value is not None}
    assert f"{found['estimate']} [{found['ci_low']}, {found['ci_high']}] Fisher z (95 % CI)" in effect
    assert f"p = {summary['primary']['p']:.4f} (exact, 1 of {summary['arrangements']} permutations)" in effect
    assert effect.startswith("Does training <do> more & better? Difference in change, training minus waiting: ")
    assert effect.endswith("the gate is open.")
    assert analysed == "Analysed: 8 participants (training 5, waiting 3)."
    assert left_out == (
        "Left out: 1 of 19 scans (1 x mean FD is above 0.5 mm); "
        "2 participants (1 x ses-post excluded: mean FD is above 0.5 mm; 1 x ses-post is missing)."
    )
    assert all(number in section(written[0], "answer") for number in (found["estimate"], "8 training 5, waiting 3"))


def test_the_page_leads_with_the_answer(written: tuple[Path, str], page: Page) -> None:
    assert page.texts["h2"][:2] == ["The answer", "by-arm Does training <do> more & better?"]
    answer = section(written[0], "answer")
    assert "The primary test passes" in answer
    assert "Does it change while waiting?" in answer
    assert "in 1 and the gate is open in 1" in answer


def test_a_closed_gate_makes_the_finer_levels_exploratory(written: tuple[Path, str]) -> None:
    assert "exploratory" not in section(written[0], "model-by-arm")
    closed = section(written[0], "model-slope")
    assert "The primary test does not pass" in closed
    assert "Network pairs exploratory" in closed
    assert "Edges exploratory" in closed
    assert "read this as a description, not as a test" in closed
    assert "no p below 0.2500 is possible" in section(written[0], "model-waiting")


def test_units_follow_the_question_and_the_quantity(written: tuple[Path, str]) -> None:
    slope = section(written[0], "model-slope")
    assert "Slope of the change on age" in slope
    assert "Fisher z per unit of age" in slope
    assert "ratio per unit of age" in slope
    assert re.search(r"segregation .*\] ratio ", section(written[0], "model-by-arm"))


def test_every_universe_is_listed(written: tuple[Path, str]) -> None:
    robustness = section(written[0], "robustness")
    assert robustness.count("six / clean / correlation (primary)") == len(MODELS)
    assert robustness.count("−0.111 [−0.222, 0.333]") == len(MODELS)


def test_a_universe_with_too_few_participants_is_listed(study: Study, tmp_path: Path) -> None:
    place, page = study.result("by-arm", "summary.json", "other"), tmp_path / "p.html"
    before = place.read_bytes()
    record = json.loads(before)
    why = {"where": "by-arm.yaml", "must": "at least 4 participants in every arm", "got": "3 in waiting", "todo": "-"}
    write_record(place, {**record, "primary": dict.fromkeys(record["primary"]), "untested": why, "method": "none"})
    try:
        study.report(page=page)
    finally:
        place.write_bytes(before)
    text = section(page, "robustness")
    assert "not tested: at least 4 participants in every arm; 3 in waiting" in text
    assert "In 1 too few participants are left to test it." in text
    assert "in 1 too few participants are left to test it" in section(page, "answer")
    assert "at least 4 participants in every arm; 3 in waiting" in carried(page, "primary-effects.csv")


def test_a_model_that_the_primary_universe_cannot_test_is_told(study: Study, tmp_path: Path) -> None:
    place = study.result("by-arm", "summary.json")
    before = place.read_bytes()
    why = {"where": "by-arm.yaml, key test", "must": "at least 4", "got": "3 in waiting", "todo": "use fewer"}
    write_record(place, {**json.loads(before), "untested": why})
    try:
        with pytest.raises(TooFew, match="3 in waiting"):
            study.report(page=tmp_path / "p.html")
    finally:
        place.write_bytes(before)


def test_everything_left_out_is_listed_with_its_reason(written: tuple[Path, str]) -> None:
    text = section(written[0], "left-out")
    assert f"sub-02 ses-post sub-02_ses-post {UNSEEN}" in text
    assert "by-arm: 2 not analysed, 8 analysed." in text
    assert "ses-post is missing sub-07" in text
    assert "waiting: the question is not about 6 participants" in text
    assert "group is training" in text
    assert "Acc 1 0.25 sub-03 ses-pre" in text
    assert "by-arm edge 5 15 missing or undefined in an analysed session" in text
    assert "waiting edge" not in text


def test_quality_has_every_scan(study: Study, page: Page, written: tuple[Path, str]) -> None:
    scans = pd.read_csv(study.folder / "kept.tsv", sep="\t")
    table = written[0].read_text(encoding="utf-8").split('aria-label="Quality by scan"')[1].split("</table>")[0]
    assert table.count("<tr") == len(scans) + 1
    assert "ses-post 8 of 9" in section(written[0], "quality")


def test_quality_of_a_scan_has_units(written: tuple[Path, str]) -> None:
    text = section(written[0], "quality")
    assert "FD > 0.2 mm, % of volumes FD > 0.5 mm, % of volumes Max std DVARS tSNR Mean coverage, %" in text
    assert "measured in the image by parcellate, and not on the scale of fMRIPrep’s std_dvars" in text
    assert "sub-02 ses-post – no 0.900 2.00 25.0 7.5 3.21 61.4 98.7 n/a 6.33 41.5 190 200 2.00" in text


def test_strategies_stand_beside_chance(written: tuple[Path, str]) -> None:
    text = section(written[0], "quality")
    assert "Choose before you look at the effect" in text
    level, change = "0.421 0.170 to 0.360 −0.310 −0.220 to 0.210 9", "0.250 0.170 to 0.360 0.080 −0.220 to 0.210 8"
    cost = "18 of 19 9 6.33 [6.10, 6.56] 41.5 [40.0, 43.0] 0.030 [−0.050, 0.110] 7"
    spaced = re.sub(r"(?<=\d)(?=\[|0\.170 to|−0\.220 to)", " ", text)
    assert f"clean (primary)Clean <&> well {cost} {level} {change}" in spaced
    assert "clean level 9 15 0.421 0.2400.170 to 0.360 0.0040 11.2 4.61.2 to 17.1 0.0900 −0.310" in text
    source = written[0].read_text(encoding="utf-8")
    assert len(re.findall('<td class="number beyond" data-order="0.421">0.421', source)) == 2
    assert 'beyond" data-order="0.25"' not in source


def test_a_strategy_that_could_not_be_assessed_says_why(written: tuple[Path, str]) -> None:
    text = section(written[0], "quality")
    assert "other, QC-FC of level: n/a, because it takes 6 participants with kept scans; there are 5." in text
    assert "n/a n/a 5 n/a n/a 4" in text


def test_a_figure_about_the_cohort_is_shown_once(written: tuple[Path, str]) -> None:
    source = written[0].read_text(encoding="utf-8")
    assert source.count('alt="Strategies. Small &amp; simulated."') == 1
    quality_section = source.split('<section id="quality"')[1].split("</section>")[0]
    assert 'alt="Strategies.' in quality_section


def test_twelve_strategies_have_a_row_each(study: Study, tmp_path: Path) -> None:
    names = ["clean", *(f"strategy-with-a-long-name-{k}" for k in range(11))]
    for name in names:
        write_record(tmp_path / name / "summary.json", assessed(name, f"Title of {name} " * 5))
    page = tmp_path / "p.html"
    study.report(assessments=[tmp_path / name / "summary.json" for name in names], page=page)
    table = page.read_text(encoding="utf-8").split('aria-label="Denoising strategies"')[1].split("</table>")[0]
    assert re.findall(r'<th scope="row">([\w-]+)', table) == names
    assert "QC-FC of level: n/a" not in section(page, "quality")


def test_the_primary_strategy_is_assessed_first(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run assess for it"):
        study.report(assessments=study.inputs()["assessments"][::-1], page=tmp_path / "p.html")


def test_without_a_flag_nothing_is_shown(written: tuple[Path, str]) -> None:
    assert "Look at this first" not in written[0].read_text(encoding="utf-8")
    assert 'role="alert"' not in written[0].read_text(encoding="utf-8")
    assert "Look at this first" not in written[1]


def test_flags_stand_under_the_answer(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.folder, tmp_path / "flagged")
    flagged = Study(tmp_path / "flagged", study.universes)
    path = flagged.results("summary.json")[2]
    numbers = {"estimate": 0.12, "ci_low": 0.03, "ci_high": 0.21, "g": 1.4, "g_low": 0.3, "g_high": 2.6, "p": 0.0123}
    motion = {**numbers, "n": 3, "unit": "mm", "flag": "head motion <changed>: 0.12 mm"}
    write_record(path, {**read_record(path), "motion": motion})
    kept = pd.read_csv(flagged.folder / "kept.tsv", sep="\t", na_values=["n/a"])
    kept.loc[kept["session_id"] == "ses-post", "scanner"] = "Other & Sons 7T"
    kept["tr"] = np.where(kept["scan"] == "sub-03_ses-post", 2.2, 2.0)
    write_table(flagged.folder / "kept.tsv", kept)
    page, answer = flagged.report()
    text = section(page, "answer")
    box = text[text.index("Look at this first") :]
    assert "waiting: head motion <changed>: 0.12 mm." in box
    assert "Hedges' g 1.40 [0.30, 2.60], p = 0.0123, 3 participants." in box
    assert "TR differs between the kept scans of 1 participant" in box
    assert "sub-03: ses-post: 2.2 s; ses-pre: 2 s" in box
    assert "Scanner differs between the kept scans of 8 participants" in box
    for person in (*(f"sub-{n:02d}" for n in (3, 4, 5, 6, 8, 9, 10)), "sub-<b>01"):
        assert f"{person}: ses-post: Other & Sons 7T; ses-pre: Acme 3T" in box
    assert text.index("The primary test passes") < text.index("Look at this first") < text.index("Mean change")
    assert [box["aria-labelledby"] for box in Page(page).all("div") if box.get("role") == "alert"] == ["alert-heading"]
    lines = answer.splitlines()
    assert len(lines) == 6
    assert lines[3] == "Look at this first: waiting: head motion <changed>: 0.12 mm."
    assert all(line.startswith("Look at this first: ") for line in lines[3:])


def test_excluded_scans_raise_no_flag(study: Study) -> None:
    kept = pd.read_csv(study.folder / "kept.tsv", sep="\t", na_values=["n/a"])
    kept["tr"] = np.where(kept["kept"] == "no", 2.2, 2.0)
    assert quality.flags([], kept, Limits()) == []


def test_a_limit_that_excludes_most_scans_comes_first(study: Study) -> None:
    kept = pd.read_csv(study.folder / "kept.tsv", sep="\t", na_values=["n/a"])
    most = kept.assign(kept="no", reason="mean FD 0.9 mm is above 0.5 mm; time left 3.9 min is below 4 min")
    lines = [flag.line for flag in quality.flags([], most, Limits())]
    n = len(kept)
    assert lines == [f"limit mean_fd 0.5 excludes {n} of {n} scans", f"limit minutes 4 excludes {n} of {n} scans"]


def test_methods_say_what_was_done(study: Study, written: tuple[Path, str]) -> None:
    text = section(written[0], "methods")
    assert "volumes with FD above 0.5 mm, and then segments of fewer than 5 kept volumes, were censored" in text
    assert "head motion parameters with first derivatives and the squares of both (24)" in text
    assert "band-pass 0.008 to 0.1 Hz" in text
    assert "pre is before the intervention (week 0)" in text
    assert "199 random arrangements (seed 7) and the observed one" in text
    assert "all 56 arrangements were enumerated, so that p-values are exact" in text
    assert "change ~ age with the change in mean FD (mm) as covariate" in text
    assert "change ~ group without a covariate for motion" in text
    assert "Participants: group waiting (n = 3 analysed)" in text
    assert "18 of 19 scans were kept" in text
    assert "nilearn 0." in text
    assert "Lindquist MA, Geuter S, Wager TD, Caffo BS (2019). Modular preprocessing pipelines" in text
    assert "Ledoit" not in text


def test_the_methods_are_written_for_a_paper(study: Study, written: tuple[Path, str], page: Page) -> None:
    prose = (study.folder / "methods.md").read_text()
    assert prose.startswith(
        "# Methods: Small & simulated\n\n## Data\n\n“Small & simulated” (Nobody 2020, [doi:10.1000/"
    )
    assert "modelled as `change ~ age` with the change in mean FD (mm) as covariate" in prose
    assert "<" not in prose.replace("p < 0.05", "").replace("Does training <do>", "")
    shown = " ".join(page.text.split())
    paragraphs = [text for text in prose.split("\n\n") if text[0] not in "#-" and not set("[`_") & set(text)]
    assert len(paragraphs) > 3
    assert all(" ".join(text.split()) in shown for text in paragraphs)


def test_the_references_are_those_that_are_cited(study: Study, written: tuple[Path, str]) -> None:
    prose, bibtex = ((study.folder / name).read_text() for name in ("methods.md", "references.bib"))
    body, _, listed = prose.partition("## References")
    keys = set(re.findall(r"^@(?!software)\w+\{(\w+),$", bibtex, re.MULTILINE))
    cited = [one for one in references.known() if one.short in re.sub(r" \((?=\d{4})", " ", body)]
    assert keys == {one.key for one in cited} | {"nobody2020"}
    assert len(cited) > 10
    assert all(one.full in listed for one in cited)
    assert re.search(r"@software\{nilearn,\n  title = \{\{nilearn\}\},\n  version = \{0\.", bibtex)


def carried(path: Path, name: str) -> str:
    """Return a text that a page carries."""
    found = re.search(rf'id="packed-{re.escape(name)}">([^<]*)<', path.read_text(encoding="utf-8"))
    assert found
    return gzip.decompress(base64.b64decode(found[1])).decode()


def test_every_table_can_be_saved(study: Study, written: tuple[Path, str], page: Page) -> None:
    names = {str(button["data-save"]) for button in page.all("button") if "data-save" in button}
    assert {"by-arm-edges.csv", "slope-networks.csv", "scans.csv", "participants.csv", "strategies.csv"} < names
    assert "CSV of all rows (scans.csv, 3 kB)" in page.texts["button"]
    edges = pd.read_csv(io.StringIO(carried(written[0], "by-arm-edges.csv")), na_values=["n/a"])
    table = pd.read_csv(study.result("by-arm", "edges.tsv"), sep="\t", na_values=["n/a"])
    assert list(edges["reason"].isna()) == list(table["reason"].isna())
    np.testing.assert_allclose(edges[["estimate", "p"]], table[["estimate", "p"]], rtol=6e-4)
    universes = pd.read_csv(io.StringIO(carried(written[0], "primary-effects.csv")))
    assert list(universes["model"]) == [*MODELS, *MODELS]
    assert set(universes["estimate"].round(3)) > {-0.111}


def test_many_edges_are_the_strongest_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_EDGES", 2)
    edges = pd.DataFrame({"a": list("klmn"), "statistic": [1.0, -5.0, np.nan, 3.0], "detectable": 1.0})
    assert packed.carried(edges).to_dict("list") == {"a": ["l", "n"], "statistic": [-5.0, 3.0]}


def test_parcels_of_the_matrix_stand_by_domain_and_network(study: Study, written: tuple[Path, str]) -> None:
    source = written[0].read_text(encoding="utf-8")
    grid = json.loads(re.search(r'<script type="application/json">(.*?)</script>', source)[1])
    assert grid["names"] == [*PARCELS]
    assert grid["domains"] == ["emotion"] * 3 + ["cognition"] * 3
    assert grid["file"] == "by-arm-edges.csv"
    assert 'id="brain"' not in source


def test_the_brain_has_the_strongest_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_LINES", 2)
    parcels = pd.DataFrame({"name": list("klm"), "x": [0.0, 10, 20], "y": [0.0, 5, 9], "z": [1.0, 2, 3]})
    edges = pd.DataFrame({"a": list("kkl"), "b": list("lmm"), "estimate": [0.1, np.nan, -0.3]})
    edges["statistic"] = [2.0, np.nan, -4.0]
    domain = np.array(["emotion", "cognition", ""])
    html = packed.brain(edges, parcels, domain)
    told = json.loads(re.search(r"var connectomeInfo = (\{.*?\});", html, re.DOTALL)[1])["connectome"]
    weights = np.frombuffer(base64.b64decode(told["_con_w"]), "<f4")
    assert set(weights[np.isfinite(weights)].round(3)) - {0.0} == {np.float32(0.1), np.float32(-0.3)}
    assert not re.search(r'(?:src|href)="(?!https://plot.ly/|data:)', html)
    assert packed.brain(edges, parcels.drop(columns="z"), domain) == ""
    assert packed.brain(edges.iloc[[1]], parcels, domain) == ""
    of_several = edges.assign(estimate=np.nan, g=[0.4, 0.2, 0.3])
    assert packed.brain(of_several, parcels, domain) == ""
    assert html != packed.brain(of_several, parcels, domain, "g") != ""


def test_several_contrasts_together_are_shown_by_the_size_of_the_effect(study: Study) -> None:
    summary = study.summary("by-arm")
    joint = {**summary, "primary": {**summary["primary"], "estimate": None}}
    edges = pd.DataFrame({"a": ["k"], "b": ["l"], "estimate": [np.nan], "g": [0.4], "statistic": [3.0]})
    for table, column, shown in ((edges, "g", "Cohen’s f"), (edges.assign(g=np.nan), "statistic", "F")):
        result = SimpleNamespace(name="by-arm", summary=joint, levels={"edge": table})
        parcels = pd.DataFrame({"name": ["k", "l"], "network": ["n", "n"]})
        found = packed.grid(parcels, np.array(["emotion", ""]), result)
        assert (found["column"], found["shown"], found["signed"], found["statistic"]) == (column, shown, False, "F")


def article(path: Path, name: str) -> str:
    """Return the text of the page of a scan."""
    source = re.search(rf'<article class="scan" id="{name}".*?</article>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert source
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", source[0])).split())


def test_each_scan_has_a_page(study: Study, written: tuple[Path, str], page: Page) -> None:
    scans = pd.read_csv(study.folder / "kept.tsv", sep="\t")
    assert len(page.all("article")) == len(scans)
    moved = article(written[0], "scan-sub-02_ses-post")
    assert f"Excluded : {UNSEEN}." in moved
    assert "Mean FD, mm 0.900 at most 0.5, not met" in moved
    assert "Minutes left 6.33 at least 4" in moved
    assert "took away 10 of 200 volumes and regressed out 24 confounds; 6.3 min and 41.5 temporal degrees" in moved
    lost = article(written[0], "scan-sub-03_ses-pre")
    assert "1 of 6 parcels are missing: Acc (25 % covered)." in lost
    assert "Parcels missing, % 16.7 at most 10, not met" in lost
    source = written[0].read_text(encoding="utf-8")
    order = re.findall(r'<article class="scan" id="([^"]+)"', source)
    steps = source.split(f'<article class="scan" id="{order[3]}"')[1].split("</article>")[0]
    assert f'href="#{order[2]}" rel="prev"' in steps
    assert f'href="#{order[4]}" rel="next"' in steps


def test_pictures_of_the_worst_scans_come_first(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = pd.read_csv(study.folder / "kept.tsv", sep="\t", na_values=["n/a"])
    for scan in kept["scan"]:
        made = io.BytesIO()
        Image.new("RGB", (4, 4), "red").save(made, "PNG")
        (tmp_path / f"{scan}.png").write_bytes(made.getvalue())
    page = tmp_path / "p.html"
    study.report(carpets=[tmp_path], page=page)
    assert page.read_text(encoding="utf-8").count('<img src="data:image/png') == len(kept)
    size = len(re.search(r'<img src="(data:image/png[^"]*)"', page.read_text(encoding="utf-8"))[1])
    monkeypatch.setattr(scan_pages, "CARPETS", 3 * size)
    study.report(carpets=[tmp_path], page=page)
    shown = re.findall(r"<article.*?</article>", page.read_text(encoding="utf-8"), re.DOTALL)
    worst = kept.sort_values(["kept", "mean_fd"], ascending=[True, False])["scan"][:3]
    with_picture = [article for article in shown if "<img" in article]
    assert len(with_picture) == 3
    assert all(any(f">{html.escape(scan)}<" in article for article in with_picture) for scan in worst)
    gone = f"Pictures of {len(kept) - 3} scans that were kept or moved least are not on it."
    assert gone in section(page, "reproduce")
    assert next(article for article in shown if article not in with_picture).count("too large: draw/scans/sub-") == 1


def test_scans_of_a_large_cohort_are_those_that_need_a_look(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_pages, "MOST_SCANS", 2)
    kept = pd.read_csv(study.folder / "kept.tsv", sep="\t", na_values=["n/a"])
    lost = pd.DataFrame({"scan": [], "parcel": [], "coverage": []})
    pages = scan_pages.scan_pages(kept, lost, 6, Limits(), {})
    assert {page.row["scan"] for page in pages} == set(
        kept.sort_values(["kept", "mean_fd"], ascending=[True, False])["scan"][:2]
    )


def test_scans_stand_in_the_order_of_their_sessions() -> None:
    labels = [("sub-02", "ses-pre"), ("sub-01", "ses-post"), ("sub-01", None), ("sub-01", "ses-pre")]
    scans = pd.DataFrame([{"participant_id": who, "session_id": when, "scan": f"{who}_{when}"} for who, when in labels])
    found = quality.arranged(scans, ["pre", "post"])
    assert list(found["scan"]) == ["sub-01_ses-pre", "sub-01_ses-post", "sub-01_None", "sub-02_ses-pre"]
    lost = pd.DataFrame({"scan": ["sub-01_ses-post", "sub-01_ses-pre"], "parcel": "Acc", "coverage": [0.2, 0.1]})
    assert sections.missing_parcels(lost, found)[0]["where"] == ["sub-01 ses-pre", "sub-01 ses-post"]


def test_names_of_scan_pages_are_unique() -> None:
    scans = pd.DataFrame(
        {"scan": ["sub-1_task-a", "sub-1_task-b", "sub-2_run-1"], "participant_id": ["sub-1", "sub-1", "sub-2"]}
    )
    scans = scans.assign(session_id=None, run=[None, None, "1"])
    assert list(scan_pages.names(scans).values()) == ["scan-sub-1_task-a", "scan-sub-1_task-b", "scan-sub-2_1"]


def test_everyone_can_be_looked_up(written: tuple[Path, str]) -> None:
    text = section(written[0], "left-out")
    assert f"sub-02 ses-pre, ses-post by-arm: ses-post excluded: {UNSEEN}" in text
    assert "10 in the tables of the cohort" in text
    assert "−1 ses-post is missing" in text
    assert "8 analysed (training 5, waiting 3)" in text


def test_a_page_that_is_too_large_takes_coarser_figures(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(study.folder, tmp_path / "large")
    large = Study(tmp_path / "large", study.universes)
    for figure in large.inputs()["figures"]:
        lines = "".join(f'<path d="M {n} {n % 7}"/>' for n in range(300))
        figure.write_text(SVG.format(figure.stem).replace("</svg>", f"{lines}</svg>"))
        Image.new("RGB", (1200, 900), "white").save(figure.with_suffix(".png"))
    full = len(large.report()[0].read_bytes())
    monkeypatch.setattr("connect.report.PAGE", full - 1)
    page, _ = large.report()
    pictures = re.findall(r'<img src="data:image/(\S+?)[;,]', page.read_text(encoding="utf-8"))
    assert pictures == ["svg+xml"] * 4 + ["webp"] * 2 + ["svg+xml"]
    assert "2 figures are shown coarser than they were drawn" in section(page, "reproduce")
    large.inputs()["figures"][-2].with_suffix(".png").unlink()
    with pytest.raises(UserError, match="figure `dots` as PNG"):
        large.report()


def test_the_page_says_what_makes_it_again(study: Study, tmp_path: Path) -> None:
    page, _ = study.report(page=tmp_path / "p.html", command="snakemake x --config 'a=[\"<b>\"]'")
    assert "snakemake x --config 'a=[\"<b>\"]'" in section(page, "reproduce")


def test_citations_are_links(page: Page) -> None:
    links = [link["href"] for link in page.all("a")]
    assert "https://doi.org/10.1000/xyz(1)" in links
    assert "https://example.org/data" in links


def test_the_choices_are_named_with_their_digest(written: tuple[Path, str]) -> None:
    text = section(written[0], "reproduce")
    assert "snakemake" in text
    assert re.search(r"strategy clean [0-9a-f]{16} ", text)
    assert "strategies clean, other" in text


def test_no_p_value_is_zero(page: Page) -> None:
    assert not re.search(r"p(_FWE)? = 0(\.0+)?\b(?!\.)", page.text)
    assert "0.0000 " not in page.text


def test_the_same_inputs_give_the_same_bytes(study: Study, written: tuple[Path, str], tmp_path: Path) -> None:
    other = study.report(page=tmp_path / "again.html", answer=study.folder / "again.txt")
    assert other[0].read_bytes() == written[0].read_bytes()
    assert (study.folder / "again.txt").read_text() == written[1]


def test_the_page_does_not_depend_on_where_the_study_is(
    study: Study, written: tuple[Path, str], tmp_path: Path
) -> None:
    shutil.copytree(study.folder, tmp_path / "moved")
    page, _ = Study(tmp_path / "moved", study.universes).report()
    assert page.read_bytes() == written[0].read_bytes()
    assert str(study.folder) not in page.read_text(encoding="utf-8")


def test_a_missing_figure_is_the_users_mistake(study: Study, tmp_path: Path) -> None:
    figures = study.inputs()["figures"]
    with pytest.raises(UserError, match="figure `dots` as SVG"):
        study.report(figures=[*figures[:-2], figures[-1]], page=tmp_path / "p.html")
    with pytest.raises(UserError, match="figure `strategies` as SVG"):
        study.report(figures=figures[:-1], page=tmp_path / "p.html")
    with pytest.raises(UserError, match="no such file"):
        study.report(figures=[tmp_path / "waiting" / "dots.svg", *figures[:-2]], page=tmp_path / "p.html")
    assert not (tmp_path / "p.html").exists()


def test_a_model_without_results_is_the_users_mistake(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder of the name `waiting`"):
        study.report(edge_tests=study.results("edges.tsv")[:2], page=tmp_path / "p.html")
    with pytest.raises(UserError, match="run compare for it"):
        inputs.primary([study.summary("slope")], {"atlas": "six", "model": "by-arm"})


def test_the_command_line_takes_lists(study: Study, tmp_path: Path) -> None:
    flags: list[str] = []
    for name, value in {**study.inputs(), **study.outputs(), "page": tmp_path / "p.html"}.items():
        flags += [f"--{name.replace('_', '-')}", *(map(str, value) if isinstance(value, list) else [str(value)])]
    assert main(["report", *flags]) == 0
    assert (tmp_path / "p.html").stat().st_size > 10_000


def test_a_cohort_without_losses_says_so(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.folder, tmp_path / "whole")
    whole = Study(tmp_path / "whole", study.universes)
    kept = pd.read_csv(whole.folder / "kept.tsv", sep="\t", na_values=["n/a"])
    write_table(whole.folder / "kept.tsv", kept[kept["kept"] == "yes"])
    (whole.folder / "lost.tsv").write_text("scan\tparcel\tcoverage\n")
    text = section(whole.report()[0], "left-out")
    assert "All 18 scans were kept." in text
    assert "No parcel is missing in a kept scan." in text


def test_a_plan_without_figures_has_a_report(study: Study, tmp_path: Path) -> None:
    study.report(recipes=(), figures=(), page=tmp_path / "p.html")
    assert "<img" not in (tmp_path / "p.html").read_text()


def test_an_untestable_primary_quantity_is_said_to_be_one(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.folder, tmp_path / "void")
    void = Study(tmp_path / "void", ["clean"])
    path = void.results("summary.json")[0]
    record = json.loads(path.read_text())
    write_record(path, {**record, "gate": "closed", "primary": dict.fromkeys(record["primary"])})
    page, answer = void.report()
    assert "could not be tested" in section(page, "answer")
    assert "training minus waiting: n/a Fisher z" in answer


def test_the_strongest_rows_come_first_and_all_that_survive_are_kept() -> None:
    t = np.linspace(0.1, 9, 300) * np.where(np.arange(300) % 2, 1, -1)
    p = np.linspace(1, 0.001, 300)
    table = pd.DataFrame({"statistic": t, "p": p, "p_fwe": np.minimum(1, p * 20), "reason": None})
    shown = sections.strongest(table, 0.05)
    assert [row["p"] for row in shown] == sorted(p)[: sections.LEAST]
    many = sections.strongest(table.assign(p_fwe=p / 100), 0.05)
    assert len(many) == sections.MOST
    some = sections.strongest(table.assign(p_fwe=np.where(p < 0.1, 0.01, 1.0)), 0.05)
    assert len(some) == int((p < 0.1).sum())
    tied = sections.strongest(table.assign(p=0.5, p_fwe=1.0), 0.05)
    assert abs(tied[0]["statistic"]) == 9
    crossed = sections.strongest(table.assign(p=p[::-1], p_fwe=1.0), 0.05)
    assert [row["p"] for row in crossed] == sorted(p)[: sections.LEAST]


PHRASES = [
    (
        Strategy("raw", detrend=False, high_pass=None, low_pass=None, standardize=False),
        "no confounds were regressed out; series kept their scale",
    ),
    (
        Strategy("acc", motion="derivatives", compcor="anat_combined", cosines=True, high_pass=None),
        "(low-pass 0.1 Hz; Lindquist et al. 2019); regressed out together were head motion parameters with first "
        "derivatives (12), the first 5 components of anatomical CompCor (combined white matter and CSF mask), "
        "fMRIPrep's slow cosines (128 s)",
    ),
    (
        Strategy("s", scrub=Scrub(0.3, std_dvars=1.5, min_segment=0), high_pass=None, low_pass=None),
        "volumes with FD above 0.3 mm or standardised DVARS above 1.5 were censored; a linear trend was removed",
    ),
]


@pytest.mark.parametrize(("strategy", "phrase"), PHRASES)
def test_cleaning_is_told_as_it_was_done(strategy: Strategy, phrase: str) -> None:
    assert phrase in methods.cleaning(strategy)


def test_a_session_is_told_by_its_phase_time_and_condition() -> None:
    assert methods.meaning(Session("post", "drug", 4.0)) == "after the intervention (week 4), condition drug"


def test_claims_follow_sign_and_contrast() -> None:
    common = {"condition": "", "outcome": "change", "primary": {"estimate": 1.0, "statistic": 2.0}, "arm_column": ""}
    common |= {"statistics": [{"name": "own", "title": "Own number", "unit": "m"}], "relation": "", "phenotypes": {}}
    common["correlation"] = "pearson"
    mean = {**common, "contrast": "mean"}
    assert wording.claim(mean, -1) == "connectivity fell"
    assert wording.claim({**mean, "condition": "drug - placebo"}, 1) == (
        "connectivity rose more, or fell less, under drug than under placebo"
    )
    arms = {**common, "contrast": "group[a] - group[b]"}
    assert wording.claim(arms, -1) == "connectivity fell more, or rose less, in a than in b"
    assert wording.effect({**mean, "condition": "drug - placebo"}) == "Mean change, drug minus placebo"
    assert wording.claim({**arms, "outcome": "pre"}, 1) == "connectivity is larger in a"
    joint = {**common, "contrast": "group", "arm_column": "group", "primary": {"estimate": None, "statistic": 4.0}}
    assert wording.effect(joint) == "Any difference in change with group"
    assert wording.claim(joint, None) == "change of connectivity differs with group"
    columns = ["Intercept", "weeks", "group[T.b]", "weeks:group[T.b]"]
    slope = {**common, "contrast": "weeks", "outcome": "sessions", "unit": "Fisher z", "columns": columns}
    assert wording.effect(slope) == "Slope of the connectivity on weeks"
    assert wording.unit(slope) == "Fisher z per week"
    both = {**slope, "contrast": "weeks : group[a] - group[b]", "method": "mixed"}
    assert wording.effect(both) == "Slope of connectivity on weeks, a minus b"
    assert wording.unit(both, "segregation") == "ratio per week"
    assert wording.unit(both, "own") == "m per week"
    assert wording.quantity("own", both) == "Own number"
    assert wording.quantity("between", both) == "emotion × cognition"
    assert words.effect_size(both) == "Estimate in total SDs"
    assert wording.claim(both, 1) == "the contrast weeks : group[a] - group[b] is larger than 0"
    assert words.effect_size({**joint, "method": "residuals"}) == "Cohen’s f"


def test_the_examples_hold() -> None:
    for name in ("markdown", "numbers", "packed"):
        tried = doctest.testmod(importlib.import_module(f"connect.report.{name}"))
        assert tried.attempted
        assert tried.failed == 0
