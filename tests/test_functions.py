"""Functions of the user's own: how choices name them, what they are given, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import bct
import numpy as np
import pandas as pd
import pytest

from connect.config import read
from connect.errors import UserError
from connect.estimate import connect
from connect.report.methods import edge
from connect.settings.figure import Figure
from connect.settings.measure import Measure
from connect.settings.statistic import Statistic
from connect.statistics import statistic_values

N_PARCELS = 5
FIRST, SECOND = np.triu_indices(N_PARCELS, 1)
SESSIONS = pd.DataFrame({"participant_id": ["sub-01", "sub-02", "sub-03"], "session_id": "ses-pre"})
PARCELS = pd.DataFrame({"name": list("abcde"), "domain": ["emotion", "", "", "cognition", ""]})


def series() -> list[np.ndarray]:
    return [np.random.default_rng(seed).normal(size=(40, N_PARCELS)) + 7 for seed in (1, 2)]


def measure(folder: Path, body: str, more: str = "", name: str = "own") -> Measure:
    """Write a measure in a folder of its own, its function beside it, and read it."""
    (folder / "config" / "measures").mkdir(parents=True)
    (folder / "mine.py").write_text(f"import numpy as np\n\n\ndef own(series):\n    {body}\n")
    path = folder / "config" / "measures" / "m.yaml"
    path.write_text(f"title: t\nfunction: ../../mine.py:{name}\n{more}")
    return read(Measure, path)


def statistic(folder: Path, body: str) -> dict[str, Statistic]:
    (folder / "mine.py").write_text(f"def own(matrix, parcels):\n    {body}\n")
    (folder / "s.yaml").write_text("title: t\nfunction: mine.py:own\nunit: u\n")
    return {"s": read(Statistic, folder / "s.yaml")}


def four_parts(error: pytest.ExceptionInfo[UserError], *parts: str) -> None:
    for part in parts:
        assert part in str(error.value)
    assert all(error.value.parts().values())


# Naming


def test_the_path_is_relative_to_the_choice(tmp_path: Path) -> None:
    own = measure(tmp_path, "return np.corrcoef(series.T)").own
    assert own is not None
    assert (own.file, own.name) == (tmp_path / "mine.py", "own")


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        ("", ["key kind", "a `kind`, or a `function`", "neither"]),
        ("kind: correlation\nfunction: a.py:b\n", ["key kind", "both"]),
        ("function: a.py\n", ["key function", "`file.py:name`"]),
        ("function: a.txt:b\n", ["key function", "`file.py:name`"]),
        ("function: a.py:b-c\n", ["key function", "`file.py:name`"]),
        ("kind: correlation\nwords: w\n", ["key words", "none beside `kind`"]),
    ],
)
def test_a_choice_names_a_kind_or_a_function(tmp_path: Path, keys: str, parts: list[str]) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"title: t\n{keys}")
    with pytest.raises(UserError) as error:
        read(Measure, path)
    four_parts(error, str(path), *parts)


def test_figures_too(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("title: t\ncaption: c\n")
    with pytest.raises(UserError, match="neither"):
        read(Figure, path)


@pytest.mark.parametrize(
    ("text", "name", "parts"),
    [
        (None, "own", ["mine.py", "No such file", "relative to the file of the choice"]),
        ("def own(series:\n    return 1\n", "own", ["mine.py, line 1", "SyntaxError"]),
        ("def own(series):\n    return 1\n", "onw", ["function `onw`", "did you mean `own`?"]),
        ("x = 1\nimport numpi\nown = None\n", "own", ["mine.py, line 2", "ModuleNotFoundError", "numpi", "installed"]),
        ("own = 3\n", "own", ["function `own`", "a function", "int"]),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str | None, name: str, parts: list[str]) -> None:
    settings = measure(tmp_path, "pass", name=name)
    (tmp_path / "mine.py").unlink()
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError) as error:
        connect(series(), settings)
    four_parts(error, *parts)


def test_a_check_imports_nothing(tmp_path: Path) -> None:
    own = measure(tmp_path, "return series").own
    assert own is not None
    own.file.write_text("from functools import partial as own\nraise SystemExit(3)\n")
    own.check()


# Measures


def test_a_measure_of_ones_own_gives_edges(tmp_path: Path) -> None:
    settings = measure(tmp_path, "return np.cov(series.T)", "fisher_z: false\nunit: u\n")
    made = series()
    made[1][:, 2] = np.nan
    found = connect(made, settings)
    np.testing.assert_allclose(found[0], np.cov(made[0].T)[FIRST, SECOND])
    missing = (FIRST == 2) | (SECOND == 2)
    np.testing.assert_array_equal(np.isnan(found[1]), missing)
    np.testing.assert_allclose(found[1][~missing], np.cov(made[1].T)[FIRST, SECOND][~missing])


def test_fisher_z_is_taken_and_the_diagonal_does_not_count(tmp_path: Path) -> None:
    body = "r = np.corrcoef(series.T); np.fill_diagonal(r, np.inf); series[:] = 0; return r"
    made = series()
    before = [one.copy() for one in made]
    found = connect(made, measure(tmp_path, body))
    np.testing.assert_allclose(found, connect(before, Measure("t", "correlation")))
    np.testing.assert_array_equal(made, before)


def test_single_edges_may_be_nan(tmp_path: Path) -> None:
    found = connect(series(), measure(tmp_path, "r = np.corrcoef(series.T); r[0, 1] = r[1, 0] = np.nan; return r"))
    np.testing.assert_array_equal(np.isnan(found), [[edge == (0, 1) for edge in zip(FIRST, SECOND, strict=True)]] * 2)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("return series", ["ndarray of shape (40, 5)", "a row and a column for each column"]),
        ("return np.corrcoef(series.T)[:2]", ["shape (2, 5)"]),
        ("return None", ["symmetric matrix (5, 5)", "NoneType"]),
        ("return 'abc'", ["str", "an array of real numbers"]),
        ("return np.corrcoef(series.T) * 1j", ["an array of real numbers"]),
        ("return np.full((5, 5), np.nan)", ["not NaN everywhere", "NaN in every edge"]),
        ("r = np.corrcoef(series.T); r[0, 1] = 0.9; return r", ["above and below", "differ by up to", "transpose"]),
        ("r = np.corrcoef(series.T); r[0, 1] = np.nan; return r", ["NaN in one half only"]),
        ("r = np.corrcoef(series.T); r[0, 1] = r[1, 0] = -np.inf; return r", ["finite or NaN", "2 infinite values"]),
        ("return np.cov(series.T) * 50", ["between -1 and 1", "`fisher_z: false`"]),
        ("return np.corrcoef(series.T) / series['x']", ["line 5, function `own`", "IndexError"]),
        ("raise ValueError('bad\\nluck')", ["line 5", "ValueError: bad luck"]),
    ],
)
def test_bad_returns_are_told_with_file_function_and_scan(tmp_path: Path, body: str, parts: list[str]) -> None:
    settings = measure(tmp_path, body)
    with pytest.raises(UserError) as error:
        connect(series(), settings, ["first", "second"])
    four_parts(error, f"{tmp_path / 'mine.py'}", "function `own`", "for first", *parts)


def test_the_methods_text_names_the_function(tmp_path: Path) -> None:
    settings = measure(tmp_path, "return series", "words: the thing\n")
    assert edge(settings) == "the thing, as the function “own” of the file “mine.py” gives it"


# Statistics


def connectomes() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, len(FIRST)))


def test_a_statistic_gets_the_matrix_and_its_parcels(tmp_path: Path) -> None:
    """Of the parcels that every analysed session has; a session that lacks one of them has no value."""
    values = connectomes()
    gone = (FIRST == 1) | (SECOND == 1)
    values[:, gone] = np.nan
    values[2, 0] = values[2, 7] = np.nan
    use = ~gone
    body = "assert (matrix == matrix.T).all(); return matrix[list(parcels['domain']).index('cognition')].sum()"
    found = statistic_values(values, SESSIONS, PARCELS, use, statistic(tmp_path, body))["s"]
    expected = values[:, (FIRST == 3) & use].sum(axis=1) + values[:, (SECOND == 3) & use].sum(axis=1)
    np.testing.assert_allclose(found, [expected[0], expected[1], np.nan])


def test_an_edge_out_of_use_between_parcels_in_use_is_nan(tmp_path: Path) -> None:
    use = np.arange(len(FIRST)) != 4
    body = "return float((matrix != matrix).sum() * 10 + len(parcels))"
    assert list(statistic_values(connectomes(), SESSIONS, PARCELS, use, statistic(tmp_path, body))["s"]) == [25.0] * 3


def test_nan_is_a_result(tmp_path: Path) -> None:
    found = statistic_values(
        connectomes(), SESSIONS, PARCELS, np.ones(len(FIRST), bool), statistic(tmp_path, "return float('nan')")
    )
    assert np.isnan(found["s"]).all()


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("return matrix[0]", ["one finite number", "ndarray"]),
        ("return None", ["NoneType"]),
        ("return 'high'", ["str high"]),
        ("return float('inf')", ["float inf"]),
        ("return 1 / 0", ["line 2", "ZeroDivisionError"]),
    ],
)
def test_bad_numbers_are_told_with_file_function_and_session(tmp_path: Path, body: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as error:
        statistic_values(connectomes(), SESSIONS, PARCELS, np.ones(len(FIRST), bool), statistic(tmp_path, body))
    four_parts(error, f"{tmp_path / 'mine.py'}", "function `own`", "for sub-01 ses-pre", *parts)


def test_the_shipped_statistic_is_that_of_the_brain_connectivity_toolbox(root: Path) -> None:
    settings = {"e": read(Statistic, root / "config" / "statistics" / "global-efficiency.yaml")}
    values = connectomes()
    found = statistic_values(values, SESSIONS, PARCELS, np.ones(len(FIRST), bool), settings)["e"]
    for one, row in zip(found, values, strict=True):
        matrix = np.zeros((N_PARCELS, N_PARCELS))
        matrix[FIRST, SECOND] = matrix[SECOND, FIRST] = np.maximum(row, 0)
        assert one == pytest.approx(bct.efficiency_wei(matrix))
