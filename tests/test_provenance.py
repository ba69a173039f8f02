"""A figure says what it was drawn from, and `connect verify` whether that is still so."""

from __future__ import annotations

import re
import shutil
from io import BytesIO
from pathlib import Path

import pytest
import yaml
from matplotlib.figure import Figure as Page
from PIL import Image
from pypdf import PageObject, PdfReader

from connect import provenance
from connect.compose import POINTS, STRIP, arrange, compose
from connect.digest import code
from connect.errors import UserError
from connect.provenance import FORMATS, KEY, Sources, is_sealed, opened, read_stamp, sealed, settings_of, stamp
from connect.settings import FOLDERS, kind_of
from connect.settings.figure import Figure
from connect.settings.plan import Plan
from connect.shown import models_shown, question_of, universe_of
from connect.verify import changes

SIZE = (60.0, 40.0)
"""Width and height of a small figure, mm."""

MARKS = {"svg": b"<title>t", "pdf": b"(t)", "png": b"IDAT"}
"""Some bytes of the picture itself in each format."""


@pytest.fixture
def sources(root: Path, tmp_path: Path) -> Sources:
    """Return choices of the project and two small tables."""
    shutil.copytree(root / "config", tmp_path / "config")
    choices = [tmp_path / "config" / name for name in ("models/change.yaml", "atlases/seitzman2018.yaml")]
    tables = tmp_path / "participants.tsv"
    tables.write_text("participant_id\nsub-01\n")
    listed = tmp_path / "scans.tsv"
    listed.write_text("scan\traw\tconfounds\nsub-01\taa\tbb\nsub-02\tcc\tdd\n")
    return Sources(choices, [tables], [listed], {"draw": "0123"})


def written(folder: Path, name: str, sources: Sources, size: tuple[float, float] = SIZE) -> Path:
    """Write a small figure with a stamp in the three formats, and return its SVG."""
    text = opened(stamp({"name": name, "cohort": "c", "model": "m"}, sources))
    page = Page(figsize=(size[0] / 25.4, size[1] / 25.4))
    page.subplots().plot([0, 1], label="a line")
    for kind in FORMATS:
        key = "Subject" if kind == "pdf" else KEY
        content = BytesIO()
        page.savefig(content, format=kind, dpi=300, metadata={"Title": "t", key: text})
        (folder / f"{name}.{kind}").write_bytes(sealed(content.getvalue()))
    return folder / f"{name}.svg"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_stamp_is_read_from_the_file_and_any_other_byte_breaks_its_seal(
    sources: Sources, tmp_path: Path, kind: str
) -> None:
    path = written(tmp_path, "one", sources).with_suffix(f".{kind}")
    found = read_stamp(path)
    assert found["figure"] == {"name": "one", "cohort": "c", "model": "m"}
    assert found["config"]["choices"]["models/change"]["contrast"] == "mean"
    assert found["data"]["tables"]["participants.tsv"] == provenance.file_digest(sources.phenotypes[0])
    assert found["versions"]["code of draw"] == "0123"
    content = path.read_bytes()
    assert is_sealed(content)
    assert not is_sealed(content.replace(MARKS[kind], MARKS[kind].swapcase()))
    assert not is_sealed(content.replace(found["seal"].encode(), b"SHA256" + b"1" * 64))


def test_a_png_with_a_stamp_is_a_valid_png(sources: Sources, tmp_path: Path) -> None:
    with Image.open(written(tmp_path, "one", sources).with_suffix(".png")) as image:
        image.verify()


def test_what_another_program_saved_has_no_stamp(sources: Sources, tmp_path: Path) -> None:
    path = written(tmp_path, "one", sources).with_suffix(".png")
    with Image.open(path) as image:
        image.convert("RGB").save(tmp_path / "other.png")
    with pytest.raises(UserError, match="no stamp"):
        read_stamp(tmp_path / "other.png")
    (tmp_path / "text.svg").write_text("no picture")
    with pytest.raises(UserError, match="an SVG"):
        read_stamp(tmp_path / "text.svg")
    with pytest.raises(UserError, match="SVG, PDF or PNG"):
        read_stamp(tmp_path / "figure.eps")


def test_settings_in_a_stamp_hold_no_default_and_no_folder(root: Path, tmp_path: Path) -> None:
    found = settings_of(root / "config" / "cohorts" / "sample.yaml")
    assert found["derivatives"] == "data_sample"
    assert found["participants"] == "participants.tsv"
    path = tmp_path / "strategies" / "mine.yaml"
    path.parent.mkdir()
    path.write_text("# a comment\ntitle: mine\nmotion: full\nscrub: {fd: 0.5}\n")
    assert settings_of(path) == {"title": "mine", "motion": "full", "scrub": {"fd": 0.5}}


def test_every_folder_of_choices_has_its_class(root: Path) -> None:
    folders = {path.name for path in (root / "config").iterdir() if path.is_dir()}
    assert folders == set(FOLDERS)
    for path in (root / "config").glob("*/*.yaml"):
        assert isinstance(kind_of(path), type)


def test_every_choice_of_the_project_can_stand_in_a_stamp(root: Path, sources: Sources) -> None:
    choices = sorted((root / "config").glob("*/*.yaml"))
    choices = [path for path in choices if path.parent.name != "cohorts" or path.stem == "sample"]
    found = stamp({}, Sources(choices, [], [], {}))
    assert len(found["config"]["choices"]) == len(choices)
    assert {"atlases/seitzman2018: seitzman2018.tsv", "cohorts/sample: sample.scans.tsv"} < set(
        found["config"]["files"]
    )
    assert set(found["data"]["tables"]) == {"participants.tsv", "dates of sample"}


def test_each_scan_that_changed_is_known(sources: Sources) -> None:
    before = provenance.scans_of(sources.gathered[0])
    sources.gathered[0].write_text(sources.gathered[0].read_text().replace("dd", "ee"))
    after = provenance.scans_of(sources.gathered[0])
    assert before["digest"] != after["digest"]
    assert before["each"][:4] == after["each"][:4]
    assert before["each"][4:] != after["each"][4:]


def recipe(folder: Path, panels: list[list[str]]) -> Path:
    path = folder / "figures" / "together.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump({"title": "Together", "caption": "c", "panels": panels}))
    return path


def test_panels_stand_side_by_side_at_their_own_size(sources: Sources, tmp_path: Path) -> None:
    sizes = {"one": (60.0, 50.0), "two": (30.0, 40.0), "three": (80.0, 20.0)}
    paths = [written(tmp_path, name, sources, size) for name, size in sizes.items()]
    placed, (width, height) = arrange([["one", "two"], ["three"]], paths)
    assert [panel.letter for panel in placed] == ["a", "b", "c"]
    assert [(panel.x, panel.y) for panel in placed] == [
        pytest.approx(place, abs=1e-4) for place in [(0, STRIP), (60, STRIP), (0, 2 * STRIP + 50)]
    ]
    assert (width, height) == pytest.approx((90, 2 * STRIP + 70), abs=1e-4)


def test_a_figure_of_panels_holds_what_each_was_drawn_from(sources: Sources, tmp_path: Path) -> None:
    paths = [written(tmp_path, name, sources) for name in ("one", "two")]
    out = {kind: tmp_path / f"together.{kind}" for kind in FORMATS}
    compose(recipe(tmp_path, [["one", "two"]]), paths, **out)
    before = [path.read_bytes() for path in out.values()]
    compose(recipe(tmp_path, [["one", "two"]]), paths, **out)
    assert [path.read_bytes() for path in out.values()] == before
    for path in out.values():
        assert is_sealed(path.read_bytes())
        found = read_stamp(path)
        assert [one["name"] for one in found["panels"]] == ["one", "two"]
        assert {"figures/together", "models/change"} <= set(found["config"]["choices"])
    with Image.open(out["png"]) as image, Image.open(paths[1].with_suffix(".png")) as second:
        assert image.size == (round(2 * SIZE[0] / 25.4 * 300), round((SIZE[1] + STRIP) / 25.4 * 300))
        left, top = round(SIZE[0] / 25.4 * 300), round(STRIP / 25.4 * 300)
        placed = image.convert("RGB").crop((left, top, left + second.width, top + second.height))
        assert placed.tobytes() == second.convert("RGB").tobytes()
    svg = out["svg"].read_text()
    names, meant = re.findall(r' id="([^"]+)"', svg), re.findall(r'(?:href="|url\()#([^")]+)', svg)
    assert len(set(names)) == len(names)
    assert set(meant) <= set(names)
    assert {"a-", "b-"} <= {name[:2] for name in meant}


def test_panels_of_a_pdf_stand_where_those_of_the_picture_do(sources: Sources, tmp_path: Path) -> None:
    sizes = {"one": (60.0, 50.0), "two": (30.0, 40.0), "three": (80.0, 20.0)}
    rows = [["one", "two"], ["three"]]
    paths = [written(tmp_path, name, sources, size) for name, size in sizes.items()]
    out = {kind: tmp_path / f"together.{kind}" for kind in FORMATS}
    compose(recipe(tmp_path, rows), paths, **out)
    placed, (width, height) = arrange(rows, paths)
    page = PdfReader(out["pdf"]).pages[0]
    assert [float(end) for end in page.mediabox[2:]] == pytest.approx([width * POINTS, height * POINTS], abs=0.01)
    here = texts(page)
    for panel in placed:
        below = height - panel.y - panel.height
        own = texts(PdfReader(panel.svg.with_suffix(".pdf")).pages[0])
        moved = {(text, round(x + panel.x * POINTS), round(y + below * POINTS)) for text, x, y in own}
        assert moved
        assert moved <= {(text, round(x), round(y)) for text, x, y in here}


def texts(page: PageObject) -> list[tuple[str, float, float]]:
    """Return each text of a page of a PDF with its place in points, from the lower left corner."""
    found: list[tuple[str, float, float]] = []

    def add(text: str, cm: list[float], tm: list[float], *_: object) -> None:
        if text.strip():
            x, y = tm[4], tm[5]
            place = (cm[0] * x + cm[2] * y + cm[4], cm[1] * x + cm[3] * y + cm[5])
            found.append((text.strip(), *place))

    page.extract_text(visitor_text=add)
    return found


@pytest.fixture
def study(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a figure with a stamp in a study in whose folder we are."""
    monkeypatch.chdir(tmp_path)
    choices = [path.relative_to(tmp_path) for path in sources.choices]
    tables, listed = (
        [path.relative_to(tmp_path) for path in paths] for paths in (sources.phenotypes, sources.gathered)
    )
    return written(Path(), "one", Sources(choices, tables, listed, {"draw": code("draw")}))


def changed(figure: Path) -> dict[str, bool]:
    """Return what `connect verify` finds changed, and whether Snakemake has to be forced."""
    return {change.what: change.forced for change in changes(figure, read_stamp(figure), PLAN, Path("config"))}


def test_the_same_bytes_would_be_drawn_while_nothing_changes(study: Path) -> None:
    assert changed(study) == {}


def test_a_file_beside_a_choice_is_known(study: Path) -> None:
    parcels = Path("config/atlases/seitzman2018.tsv")
    parcels.write_text(parcels.read_text().replace("Salience", "Silence", 1))
    assert changed(study) == {"atlases/seitzman2018: seitzman2018.tsv": False}


def test_a_choice_that_is_gone_is_known(study: Path) -> None:
    Path("config/models/change.yaml").unlink()
    assert list(changed(study)) == [str(Path("config/models/change.yaml"))]


def test_a_table_that_changed_is_known(study: Path) -> None:
    Path("participants.tsv").write_text("participant_id\nsub-02\n")
    assert changed(study) == {"participants.tsv": False}


def test_one_scan_of_several_is_named(study: Path) -> None:
    listed = Path("scans.tsv")
    listed.write_text(listed.read_text().replace("dd", "ee"))
    assert changed(study) == {"sub-02": False}


def test_another_version_of_a_package_must_be_forced_and_code_need_not(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = provenance.version
    monkeypatch.setattr(provenance, "version", lambda name: "0.0" if name == "numpy" else real(name))
    assert changed(study) == {"numpy": True}
    monkeypatch.setattr(provenance, "version", real)
    monkeypatch.setattr("connect.verify.code", lambda stage: "another")
    assert changed(study) == {"code of draw": False}


def test_a_strategy_that_joins_the_plan_changes_what_shows_all(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    universe = {"atlas": "seitzman2018", "strategy": "36p", "measure": "correlation"}
    shown = ("atlases/seitzman2018", "strategies/36p", "strategies/none", "measures/correlation", "figures/forest")
    choices = [Path("config") / f"{name}.yaml" for name in shown]
    record = stamp({"name": "forest", "cohort": "c", "model": "m", **universe}, Sources(choices, [], [], {}))
    for strategies, told in {
        ("36p", "none"): [],
        ("36p", "none", "24p"): ["strategies of the plan: 36p, none -> 24p, 36p, none"],
        ("36p",): ["strategies of the plan: 36p, none -> 36p"],
    }.items():
        plan = Plan({"c": ("m",)}, ("seitzman2018",), strategies, ("correlation",), ())
        found = changes(Path("drawn/forest.svg"), record, plan, Path("config"))
        assert [str(change) for change in found] == told


def test_one_panel_stays_as_it_was_drawn(sources: Sources, tmp_path: Path) -> None:
    path = written(tmp_path, "one", sources)
    figure = tmp_path / "figures" / "one.yaml"
    figure.parent.mkdir()
    figure.write_text("title: t\ncaption: c\nkind: motion\n")
    out = {kind: tmp_path / f"final.{kind}" for kind in FORMATS}
    compose(figure, [path], **out)
    for kind in FORMATS:
        assert out[kind].read_bytes() == path.with_suffix(f".{kind}").read_bytes()


def test_panels_in_another_order_are_refused(sources: Sources, tmp_path: Path) -> None:
    paths = [written(tmp_path, name, sources) for name in ("two", "one")]
    with pytest.raises(UserError, match="in this order"):
        compose(recipe(tmp_path, [["one", "two"]]), paths, **{kind: tmp_path / f"x.{kind}" for kind in FORMATS})


PLAN = Plan({"c": ("one", "two", "three")}, ("a",), ("s", "s2"), ("m",), ())


def test_a_figure_shows_what_its_recipe_names_or_the_first_of_the_plan() -> None:
    def is_relation(model: str) -> bool:
        return model == "three"

    recipes = [Figure("t", "c", "motion", about=about) for about in ("model", "relation", "cohort")]
    assert [models_shown(recipe, PLAN.models["c"], is_relation) for recipe in recipes] == [
        ("one", "two"), ("three",), ("one",),
    ]  # fmt: skip
    assert [question_of(recipe, PLAN, "x", is_relation) for recipe in recipes] == [
        ("c", "one"), ("c", "three"), ("c", "one"),
    ]  # fmt: skip
    named = Figure("t", "c", "motion", cohort="d", model="four", strategy="s2")
    assert question_of(named, PLAN, "x", is_relation) == ("d", "four")
    assert universe_of(named, PLAN) == {"atlas": "a", "strategy": "s2", "measure": "m"}
    assert models_shown(named, PLAN.models["c"], is_relation) == ()


def test_a_figure_that_nothing_can_be_shown_in_is_refused() -> None:
    with pytest.raises(UserError, match="about a relation"):
        question_of(Figure("t", "c", "relation", about="relation"), PLAN, "x", lambda model: False)
    with pytest.raises(UserError, match="panels"):
        question_of(Figure("t", "c", panels=(("a",),)), PLAN, "x", lambda model: False)


@pytest.mark.parametrize("keys", [{"kind": "motion", "panels": (("a",),)}, {"panels": ((),)}, {}])
def test_a_recipe_is_one_of_a_kind_a_function_and_panels(keys: dict) -> None:
    with pytest.raises(UserError, match=r"key (kind|panels)"):
        Figure("t", "c", **keys)
