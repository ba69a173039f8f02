"""`connect carpets`: a picture of every scan shows what the tables say of it, and every scan has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from connect import carpets as command
from connect.cli import main
from connect.errors import UserError
from connect.figures import STYLE
from connect.figures.carpet import ScanInputs, carpet, ordered
from connect.layout import carpet_name, qc_series_name
from connect.provenance import is_sealed, read_stamp
from connect.settings import FOLDERS
from connect.settings.figure import Figure as Recipe
from connect.settings.plan import Plan
from connect.tables import read_columns, read_matrix, write_array, write_matrix, write_table
from connect.verify import changes

N, N_PARCELS, TR = 60, 12, 2.5
CENSORED = [0, 20, 21, 22, 40]
NETWORKS = ["Visual", "Salience", "Control"] * 4
FORMATS = (".pdf", ".png", ".svg")
GOOD, STILL, BAD, LOST = (f"sub-0{k}_ses-pre_task-rest_space-MNI" for k in (1, 2, 3, 4))
"""Kept with censored volumes, kept whole, excluded, and unusable without an image that can be read."""


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """Return the files of a cohort of four scans, as parcellate, denoise and screen leave them."""
    rng, rows, series, volumes = np.random.default_rng(4), [], [], []
    for scan in (GOOD, STILL, BAD, LOST):
        kept = np.setdiff1d(np.arange(N), CENSORED) if scan == GOOD else np.arange(N if scan != LOST else 0)
        start = sum(map(len, volumes))
        known = {"n_volumes": N, "n_kept": len(kept), "minutes": len(kept) * TR / 60, "tdof": 30.25, "mean_fd": 0.25}
        known = dict.fromkeys(known) if scan == LOST else known
        reason = {BAD: "mean FD 0.9 mm is above 0.5 mm", LOST: "unusable: bold.nii.gz: in volume 7 of 60: cut off"}
        own = {"participant_id": scan[:6], "scan": scan, "start": start, "stop": start + len(kept), "tr": TR, **known}
        rows.append({**own, "kept": "no" if scan in reason else "yes", "reason": reason.get(scan)})
        cleaned = rng.normal(3, 2, (len(kept), N_PARCELS))
        cleaned[:, 5] = np.nan if scan == GOOD else cleaned[:, 5]
        series.append(cleaned)
        volumes.append(kept)
        if scan != LOST:
            fd, dvars = rng.uniform(0, 0.4, N), rng.uniform(0.5, 2, N)
            fd[CENSORED[1:]], fd[0], dvars[0] = 0.9, np.nan, np.nan
            motion = pd.DataFrame({"framewise_displacement": fd, "dvars": dvars * 20, "std_dvars": dvars})
            write_table(tmp_path / "raw" / scan / qc_series_name(scan), motion)
            voxels = rng.normal(size=(N, 9))
            voxels[:, 2] = np.nan
            write_matrix(tmp_path / "raw" / scan / carpet_name(scan), voxels, [f"v{k}" for k in range(9)])
    write_table(tmp_path / "kept.tsv", pd.DataFrame(rows))
    write_array(tmp_path / "series.npy", np.concatenate(series))
    write_table(tmp_path / "volumes.tsv", pd.DataFrame({"volume": np.concatenate(volumes)}))
    names = [f"p{k:02d}" for k in range(N_PARCELS)]
    write_table(
        tmp_path / "atlases" / "parcels.tsv", pd.DataFrame({"name": names, "network": NETWORKS, "region": "cortex"})
    )
    people = {"title": "c", "derivatives": ".", "participants": "people.tsv", "sessions": {"pre": {"phase": "pre"}}}
    choices: dict[str, dict[str, Any]] = {
        "figure": {"title": "t", "caption": "c", "kind": "carpet", "about": "scan", "height": 110},
        "atlas": {"title": "a", "kind": "spheres", "parcels": "parcels.tsv", "spaces": ["MNI152NLin6Asym"]},
        "domains": {"emotion": {"networks": ["Salience"]}, "cognition": {"networks": ["Control"]}},
        "cohort": {**people, "sessions": {"pre": {"phase": "pre"}, "post": {"phase": "post"}}},
        "strategy": {"title": "Scrubbing", "scrub": {"fd": 0.5}},
    }
    folders = {kind: folder for folder, kind in FOLDERS.items()}
    found = {name: tmp_path / folders[name] / f"{name}.yaml" for name in choices}
    for name, choice in choices.items():
        found[name].parent.mkdir(exist_ok=True)
        found[name].write_text(yaml.safe_dump(choice))
    listed = [{"scan": scan, "raw": f"a{k}", "confounds": f"b{k}"} for k, scan in enumerate((GOOD, STILL, BAD, LOST))]
    write_table(tmp_path / "raw" / "scans.tsv", pd.DataFrame(listed))
    found |= {"kept": tmp_path / "kept.tsv", "series": tmp_path / "series.npy", "volumes": tmp_path / "volumes.tsv"}
    return {**found, "gathered": tmp_path / "raw" / "scans.tsv", "pictures": tmp_path / "pictures"}


def run(paths: dict[str, Path]) -> int:
    return main(["carpets", *(word for name, path in paths.items() for word in (f"--{name}", str(path)))])


@pytest.fixture
def drawn(paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Figure, ScanInputs]]:
    """Return the figure of every scan before it is saved, and what it was made of."""
    given: list[ScanInputs] = []
    found: dict[str, tuple[Figure, ScanInputs]] = {}
    monkeypatch.setattr(command, "carpet", lambda inputs, recipe: given.append(inputs) or carpet(inputs, recipe))
    monkeypatch.setattr(command, "_save", lambda made, _, scan, __: found.update({scan: (made, given[-1])}))
    assert run(paths) == 0
    return found


def shaded(axes: Axes) -> list[tuple[float, float]]:
    return [(round(patch.get_x(), 6), round(patch.get_x() + patch.get_width(), 6)) for patch in axes.patches]


def test_every_scan_has_its_picture_in_three_formats_with_the_same_bytes(paths: dict[str, Path]) -> None:
    table = pd.read_csv(paths["kept"], sep="\t", keep_default_na=False)
    table[table["scan"].isin([GOOD, LOST])].to_csv(paths["kept"], sep="\t", index=False)
    assert run(paths) == 0
    names = sorted(f"{scan}{form}" for scan in (GOOD, LOST) for form in FORMATS)
    assert sorted(path.name for path in paths["pictures"].iterdir()) == names
    before = {path.name: path.read_bytes() for path in paths["pictures"].iterdir()}
    assert run(paths) == 0
    assert {path.name: path.read_bytes() for path in paths["pictures"].iterdir()} == before
    with Image.open(paths["pictures"] / f"{GOOD}.png") as picture:
        assert picture.size == pytest.approx((180 / 25.4 * 150, 110 / 25.4 * 150), abs=1)
        blue = [colour for _, colour in picture.convert("RGB").getcolors() or [] if colour[2] > colour[0] + 40]
    assert blue
    svg = (paths["pictures"] / f"{GOOD}.svg").read_text()
    assert svg.count("<image") == 3  # two carpets and the strip of networks: the rest is lines


def test_a_picture_says_what_it_was_drawn_from_and_of_no_other_scan(paths: dict[str, Path]) -> None:
    assert run(paths) == 0
    for form in FORMATS:
        drawn = paths["pictures"] / f"{GOOD}{form}"
        record = read_stamp(drawn)
        assert is_sealed(drawn.read_bytes())
        assert record["figure"] == {"name": "figure", "cohort": "cohort", "scan": GOOD, "atlas": "atlas",
                                    "strategy": "strategy"}  # fmt: skip
        assert {"figures/figure", "strategies/strategy", "domains/domains"} < set(record["config"]["choices"])
        assert record["data"]["tables"] == {}
    plan = Plan({"cohort": ("m",)}, ("atlas",), ("strategy",), ("correlation",), ())
    folder = paths["figure"].parents[1]

    def changed() -> list[str]:
        return [str(change) for change in changes(drawn, record, plan, folder)]

    record["data"]["scans"] = {paths["gathered"].as_posix(): next(iter(record["data"]["scans"].values()))}
    assert changed() == []
    listed = paths["gathered"].read_text()
    paths["gathered"].write_text(listed.replace("a2", "xx"))
    assert changed() == []
    paths["gathered"].write_text(listed.replace("a0", "xx"))
    assert changed() == [f"{GOOD}: its parcel series and confounds -> others"]
    paths["gathered"].write_text(listed.replace(GOOD, "sub-09"))
    assert changed() == ["the scans: 1 of them -> 0 of them"]


def test_traces_limits_and_censoring_are_those_of_the_tables(
    drawn: dict[str, tuple[Figure, ScanInputs]], paths: dict[str, Path]
) -> None:
    made, _ = drawn[GOOD]
    columns = ["framewise_displacement", "std_dvars"]
    table = read_columns(paths["gathered"].parent / GOOD / qc_series_name(GOOD), columns)
    for axes, values in zip(made.axes[:2], table.T, strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), values)
        np.testing.assert_allclose(axes.lines[0].get_xdata(), TR * np.arange(N))
        assert shaded(axes) == [(-1.25, 1.25), (48.75, 56.25), (98.75, 101.25)]
    limits = {line.get_ydata()[0] for line in made.axes[0].lines[1:]}
    assert limits == {0.5}
    legend = [text.get_text() for text in made.legends[0].get_texts()]
    assert legend == ["limit of the mean, 0.5 mm", "censored above 0.5 mm", "5 volumes not kept"]
    for scan in (STILL, BAD):
        assert not any(shaded(axes) for axes in drawn[scan][0].axes[:2])
        assert "not kept" not in drawn[scan][0].legends[0].get_texts()[-1].get_text()


def test_carpets_have_the_rows_that_they_claim(
    drawn: dict[str, tuple[Figure, ScanInputs]], paths: dict[str, Path]
) -> None:
    made, inputs = drawn[GOOD]
    voxels = read_matrix(paths["gathered"].parent / GOOD / carpet_name(GOOD))
    shown = made.axes[2].images[0].get_array()
    np.testing.assert_allclose(shown, np.delete(voxels, 2, axis=1).T)
    assert made.axes[2].get_title("left").startswith("8 voxels before denoising")

    image = made.axes[3].images[0]
    rows = np.ma.filled(image.get_array(), np.nan)
    rank = {"Salience": 0, "Control": 1, "Visual": 2}  # emotion, cognition, neither
    order = sorted((k for k in range(N_PARCELS) if k != 5), key=lambda k: (rank[NETWORKS[k]], k))
    kept = np.setdiff1d(np.arange(N), CENSORED)
    cleaned = np.load(paths["series"])[: len(kept)]
    expected = np.full((len(order), N), np.nan)
    expected[:, kept] = ((cleaned - cleaned.mean(axis=0)) / cleaned.std(axis=0, ddof=1))[:, order].T
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    assert image.get_extent() == [-TR / 2, (N - 0.5) * TR, 10.5, -0.5]
    groups = ordered(inputs)[1]
    assert [(one.network, one.domain, one.start, one.stop) for one in groups] == [
        ("Salience", "emotion", 0, 4), ("Control", "cognition", 4, 7), ("Visual", "", 7, 11),
    ]  # fmt: skip
    assert [text.get_text() for text in made.axes[3].texts] == ["Salience", "Control", "Visual"]
    strip = made.axes[3].child_axes[0].images[0].get_array()
    assert len(strip) == 11
    assert [len(np.unique(strip[one.start : one.stop], axis=0)) for one in groups] == [1, 1, 1]
    assert made.axes[3].get_title("left") == "11 parcels after denoising (1 without signal): Scrubbing"


def test_the_title_says_kept_or_why_not(drawn: dict[str, tuple[Figure, ScanInputs]]) -> None:
    told = {scan: [text.get_text().replace("\xa0", " ") for text in made.texts] for scan, (made, _) in drawn.items()}
    assert told[GOOD] == [GOOD, "kept: 55 of 60 volumes, 2.3 min, 30.2 degrees of freedom"]
    assert told[BAD] == [BAD, "excluded: mean FD 0.9 mm is above 0.5 mm"]
    assert told[LOST] == [LOST, "excluded: unusable: bold.nii.gz: in volume 7 of 60: cut off"]
    panels = drawn[LOST][0].axes
    assert [[text.get_text() for text in axes.texts] for axes in panels] == [["no data"]] * 4
    assert not any(axes.images or axes.patches for axes in panels)


@pytest.mark.parametrize("width", [85.0, 180.0])
def test_nothing_leaves_the_picture(drawn: dict[str, tuple[Figure, ScanInputs]], width: float) -> None:
    for _, inputs in drawn.values():
        networks = inputs.parcels["network"].replace("Visual", "A network with quite a long name of its own")
        row = inputs.row.replace({GOOD: f"{GOOD}152NLin2009cAsym_acq-multiband_run-01_res-2"})
        other = ScanInputs(**{**vars(inputs), "row": row, "parcels": inputs.parcels.assign(network=networks)})
        with style.context(["default", dict(STYLE)]):
            made = carpet(other, Recipe("t", "c", kind="carpet", about="scan", width=width, height=110))
            made.draw_without_rendering()
        box, whole = made.get_tightbbox(), made.get_size_inches()
        assert min(box.x0, box.y0, whole[0] - box.x1, whole[1] - box.y1) >= 0, inputs.row["scan"]


def test_a_picture_of_ones_own(paths: dict[str, Path]) -> None:
    body = "made = canvas(recipe)\n    made.subplots().plot(inputs.fd)\n    return made\n"
    code = f"from connect.figures import canvas\n\n\ndef own(inputs, recipe):\n    {body}"
    (paths["figure"].parent / "mine.py").write_text(code)
    recipe = {"title": "t", "caption": "c", "function": "mine.py:own", "about": "scan", "width": 90}
    paths["figure"].write_text(yaml.safe_dump(recipe))
    assert run(paths) == 0
    assert len(list(paths["pictures"].iterdir())) == 12


@pytest.mark.parametrize(("kind", "about"), [("carpet", "model"), ("motion", "scan")])
def test_only_a_carpet_is_about_a_scan(kind: str, about: Any) -> None:
    with pytest.raises(UserError, match="`about: scan` of the kind `carpet`"):
        Recipe("t", "c", kind=kind, about=about)


def test_a_plan_names_one_figure_about_scans() -> None:
    plan = Plan(("c",), ("a",), ("s",), ("m",), ("carpet", "other"))
    scan = Recipe("t", "c", kind="carpet", about="scan")
    plan.check_figures({"carpet": scan}, "config.yaml")
    with pytest.raises(UserError, match="at most one figure about scans"):
        plan.check_figures({"carpet": scan, "other": scan}, "config.yaml")
