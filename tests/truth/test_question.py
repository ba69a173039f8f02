"""Models of every kind against statsmodels, pingouin, and slow explicit loops."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from patsy import build_design_matrices
from scipy import stats
from statsmodels.stats.anova import AnovaRM, anova_lm

from connect.cautions import cautions
from connect.changes import by_session, parts_of
from connect.errors import UserError
from connect.inference import Arrangements, Fit, permutation
from connect.inference.mixed import f_test_mixed, fit_mixed, whiten
from connect.inference.mixed_test import RATIOS, mixed_test
from connect.motion import motion_test
from connect.outcome import Outcome, select
from connect.question import Family, Question, question
from connect.settings.cohort import Cohort, Session
from connect.settings.model import Model

SEVERAL = ("drug", "low", "placebo")
"""Conditions of a crossover."""

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword", "ignore:The design matrix is rank-deficient")
"""What pingouin says of its own code, and statsmodels of a model with a column for every participant."""


def model(formula: str, contrast: str, **options: Any) -> Model:
    flips = contrast == "mean" or options.get("outcome") == "sessions"
    known = {"question": "?", "motion_covariate": False, "test": "auto" if flips else "residuals"}
    return Model(**{**known, "formula": formula, "contrast": contrast, **options})


def ask(rows: pd.DataFrame, formula: str, contrast: str, **options: Any) -> Question:
    return question(rows, model(formula, contrast, **options), "model.yaml")


def estimated(asked: Question, y: np.ndarray, before: np.ndarray | None = None) -> Fit:
    return asked.evaluate([Family(y, before)])[0][0]


def inferred(asked: Question, y: np.ndarray, before: np.ndarray | None = None) -> permutation.Tested:
    return asked.evaluate([Family(y, before)])[0][1]


def people(n: int = 30, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{number:02d}" for number in range(n)],
            "arm": np.array(["waiting", "training"])[rng.permutation(n) % 2],
            "group": np.array(["b", "c", "a"])[rng.permutation(n) % 3],
            "sex": np.array(["f", "m"])[rng.permutation(n) % 2],
            "site": rng.permutation(n) % 3 + 1,
            "age": rng.normal(40, 10, n),
            "bond": rng.normal(3, 1, n),
            "fd_change": rng.normal(0.02, 0.05, n),
        }
    )


def values(rows: pd.DataFrame, n_columns: int = 4, seed: int = 1) -> np.ndarray:
    """Return noise with some of every variable in it, so that no effect is 0."""
    noise = np.random.default_rng(seed).normal(0, 1, (len(rows), n_columns))
    moderated = 0.4 * (rows["arm"] == "training") * rows["bond"] - 0.02 * rows["age"] * (rows["group"] == "a")
    return noise + moderated.to_numpy()[:, None]


# Marginal effects of linear models


def expected(fitted: Any, rows: pd.DataFrame, **values: Any) -> np.ndarray:
    """Return the mean row of statsmodels' design matrix if columns had other values in all rows."""
    made = build_design_matrices([fitted.model.data.model_spec], rows.assign(**values))[0]
    return np.asarray(made).mean(axis=0)


def of_arms(fitted: Any, rows: pd.DataFrame) -> np.ndarray:
    return expected(fitted, rows, arm="training") - expected(fitted, rows, arm="waiting")


def of_groups(fitted: Any, rows: pd.DataFrame) -> np.ndarray:
    return np.stack([expected(fitted, rows, group=name) - expected(fitted, rows, group="b") for name in "ac"])


def slope(fitted: Any, rows: pd.DataFrame, name: str, **values: Any) -> np.ndarray:
    """Return the mean difference per unit of a column, in a step of another size than that of the package."""
    step = 0.1
    return (expected(fitted, rows, **{name: rows[name] + step}, **values) - expected(fitted, rows, **values)) / step


MARGINAL = [
    ("~ group", "group[b] - group[c]",
     lambda f, r: expected(f, r, group="b") - expected(f, r, group="c")),
    ("~ group * bond + age", "group[a] - group[c]",
     lambda f, r: expected(f, r, group="a") - expected(f, r, group="c")),
    ("~ arm * bond", "arm[training] - arm[waiting]", of_arms),
    ("~ arm * bond * sex", "arm[training] - arm[waiting]", of_arms),
    ("~ arm * bs(age, df=3)", "arm[training] - arm[waiting]", of_arms),
    ("~ arm * bond", "bond", lambda f, r: slope(f, r, "bond")),
    ("~ arm * bond * sex + age", "bond", lambda f, r: slope(f, r, "bond")),
    ("~ bond * age", "bond", lambda f, r: slope(f, r, "bond")),
    ("~ arm * bond + age", "arm[training] - arm[waiting] : bond",
     lambda f, r: slope(f, r, "bond", arm="training") - slope(f, r, "bond", arm="waiting")),
    ("~ arm * bond + age", "bond : arm[training] - arm[waiting]",
     lambda f, r: slope(f, r, "bond", arm="training") - slope(f, r, "bond", arm="waiting")),
    ("~ group * bond", "group[a] - group[b] : bond",
     lambda f, r: slope(f, r, "bond", group="a") - slope(f, r, "bond", group="b")),
    ("~ group * bond", "group[a] - group[c] : bond",
     lambda f, r: slope(f, r, "bond", group="a") - slope(f, r, "bond", group="c")),
    ("~ bond * age", "bond : age",
     lambda f, r: np.array([name == "bond:age" for name in f.params.index], dtype=float)),
    ("~ arm * sex", "arm[training] - arm[waiting] : sex[f] - sex[m]",
     lambda f, r: sum(sign * expected(f, r, arm=arm, sex=sex) for sign, arm, sex in
                      ((1, "training", "f"), (-1, "training", "m"), (-1, "waiting", "f"), (1, "waiting", "m")))),
    ("~ arm * sex * bond", "arm[training] - arm[waiting] : sex[f] - sex[m] : bond",
     lambda f, r: sum(sign * slope(f, r, "bond", arm=arm, sex=sex) for sign, arm, sex in
                      ((1, "training", "f"), (-1, "training", "m"), (-1, "waiting", "f"), (1, "waiting", "m")))),
    ("~ C(site) + bond", "site[3] - site[1]", lambda f, r: expected(f, r, site=3) - expected(f, r, site=1)),
    ("~ fd_change * arm", "fd_change : arm[training] - arm[waiting]",
     lambda f, r: slope(f, r, "fd_change", arm="training") - slope(f, r, "fd_change", arm="waiting")),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "contrast", "theirs"), MARGINAL, ids=[f"{a}, {b}" for a, b, _ in MARGINAL])
def test_a_contrast_is_the_marginal_effect_by_statsmodels(formula: str, contrast: str, theirs: Any) -> None:
    """1e-7: products of uncentred covariates cost both some digits."""
    rows = people()
    y, asked = values(rows), ask(rows, formula, contrast, confidence=0.9)
    ours = estimated(asked, y)
    for column in range(y.shape[1]):
        fitted = smf.ols(f"y {formula}", rows.assign(y=y[:, column])).fit()
        effect = fitted.t_test(theirs(fitted, rows))
        assert asked.df == ours.df[column] == fitted.df_resid
        np.testing.assert_allclose(ours.estimate[column], effect.effect.item(), rtol=1e-7)
        np.testing.assert_allclose(ours.error[column], effect.sd.item(), rtol=1e-7)
        np.testing.assert_allclose(ours.statistic[column], effect.tvalue.item(), rtol=1e-7)
        np.testing.assert_allclose([ours.low[column], ours.high[column]], effect.conf_int(0.1)[0], rtol=1e-6)
    assert not asked.together


TOGETHER = [
    ("~ group", "group", of_groups),
    ("~ group + bond + age", "group", of_groups),
    ("~ group * bond", "group", of_groups),
    ("~ C(site) * arm", "site",
     lambda f, r: np.stack([expected(f, r, site=site) - expected(f, r, site=1) for site in (2, 3)])),
    ("~ group * bond + age", "group : bond",
     lambda f, r: np.stack([slope(f, r, "bond", group=name) - slope(f, r, "bond", group="b") for name in "ac"])),
    ("~ group * arm", "group : arm[training] - arm[waiting]",
     lambda f, r: np.stack([expected(f, r, group=name, arm="training") - expected(f, r, group=name, arm="waiting")
                            - expected(f, r, group="b", arm="training") + expected(f, r, group="b", arm="waiting")
                            for name in "ac"])),
    ("~ group * C(site)", "group : site",
     lambda f, r: np.stack([expected(f, r, group=name, site=site) - expected(f, r, group="b", site=site)
                            - expected(f, r, group=name, site=1) + expected(f, r, group="b", site=1)
                            for name in "ac" for site in (2, 3)])),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "contrast", "theirs"), TOGETHER, ids=[f"{a}, {b}" for a, b, _ in TOGETHER])
def test_contrasts_that_are_tested_together_are_the_wald_test_of_statsmodels(
    formula: str, contrast: str, theirs: Any
) -> None:
    rows = people(36)
    y, asked = values(rows), ask(rows, formula, contrast)
    ours = estimated(asked, y)
    for column in range(y.shape[1]):
        fitted = smf.ols(f"y {formula}", rows.assign(y=y[:, column])).fit()
        wald = fitted.f_test(theirs(fitted, rows))
        assert (len(asked.asked.contrast), ours.df[column]) == (wald.df_num, wald.df_denom)
        np.testing.assert_allclose(ours.statistic[column], float(wald.fvalue), rtol=1e-7)
    assert asked.together
    assert asked.arm is None


@pytest.mark.parametrize(
    ("formula", "contrast", "source"),
    [("group + bond", "group", "group"), ("group * bond", "group : bond", "group:bond"),
     ("group * arm", "group : arm", "group:arm"), ("arm * bond", "arm : bond", "arm:bond")],
)  # fmt: skip
def test_f_is_that_of_the_analysis_of_variance(formula: str, contrast: str, source: str) -> None:
    rows = people(36)
    y = values(rows)
    ours = estimated(ask(rows, f"~ {formula}", contrast), y).statistic
    for column in range(y.shape[1]):
        table = anova_lm(smf.ols(f"y ~ {formula}", rows.assign(y=y[:, column])).fit(), typ=2)
        f = table.loc[source, "F"]
        np.testing.assert_allclose(ours[column] if contrast.startswith("group") else ours[column] ** 2, f, rtol=1e-7)


def test_three_arms_are_the_one_way_analysis_of_pingouin_and_scipy() -> None:
    rows = people()
    y = values(rows)
    ours = estimated(ask(rows, "~ group", "group"), y).statistic
    parts = [y[rows["group"] == name] for name in "abc"]
    np.testing.assert_allclose(ours, stats.f_oneway(*parts).statistic, rtol=1e-9)
    theirs = pingouin.ancova(rows.assign(y=y[:, 0]), dv="y", between="group", covar=["age", "bond"])
    adjusted = estimated(ask(rows, "~ group + age + bond", "group"), y).statistic[0]
    np.testing.assert_allclose(adjusted, theirs.set_index("Source").loc["group", "F"], rtol=1e-7)


def test_two_arms_as_a_group_are_their_difference() -> None:
    """The later in the alphabet minus the earlier, as R has it."""
    rows = people()
    y = values(rows)
    one, two = ask(rows, "~ arm + age", "arm"), ask(rows, "~ arm + age", "arm[waiting] - arm[training]")
    for name, found in vars(estimated(one, y)).items():
        np.testing.assert_array_equal(found, getattr(estimated(two, y), name))
    assert one.asked.levels == two.asked.levels == ("waiting", "training")
    np.testing.assert_array_equal(one.arm, np.where(rows["arm"] == "waiting", 1, -1))


def test_an_arm_of_three_that_is_not_compared_has_no_sign() -> None:
    rows = people()
    asked = ask(rows, "~ group", "group[a] - group[c]")
    np.testing.assert_array_equal(asked.arm, (rows["group"] == "a").astype(int) - (rows["group"] == "c"))


def test_a_moderator_is_in_units_of_its_column() -> None:
    """Also standardised: t is the effect of one standard deviation, over that of the residuals, times a root."""
    rows = people()
    y, wide = values(rows), rows.assign(bond=1000 * rows["bond"])
    asked = [ask(table, "~ arm * bond", "arm[training] - arm[waiting] : bond") for table in (rows, wide)]
    one, two = (estimated(each, y) for each in asked)
    np.testing.assert_allclose(two.estimate, one.estimate / 1000, rtol=1e-9)
    np.testing.assert_allclose(two.statistic, one.statistic, rtol=1e-9)
    np.testing.assert_allclose(asked[1].n_effective, asked[0].n_effective, rtol=1e-9)
    fitted = smf.ols("y ~ arm * bond", rows.assign(y=y[:, 0])).fit()
    standard = one.estimate[0] * rows["bond"].std() / np.sqrt(fitted.mse_resid)
    assert one.statistic[0] == pytest.approx(standard * np.sqrt(asked[0].n_effective), rel=1e-9)


def test_the_effective_number_of_two_arms_is_the_harmonic_one() -> None:
    rows = people(17)
    sizes = rows["arm"].value_counts()
    asked = ask(rows, "~ arm", "arm[training] - arm[waiting]")
    assert asked.n_effective == pytest.approx(sizes.prod() / sizes.sum())
    assert ask(rows, "~ 1", "mean").n_effective == pytest.approx(17)


# Permutations between participants


def _counted(statistics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return p and corrected p of ``(n_arrangements, n_columns)``, the observed first, ties within 1e-9."""
    bar = statistics[0] * (1 - 1e-9)
    return (statistics >= bar).mean(axis=0), (statistics.max(axis=1)[:, None] >= bar).mean(axis=0)


@pytest.mark.parametrize("test", ["residuals", "labels"])
def test_three_arms_have_the_p_of_all_ways_to_form_them(test: str) -> None:
    rows = pd.DataFrame({"participant_id": list("12345678"), "group": list("abcabcab")})
    y = np.random.default_rng(3).normal(size=(8, 3))
    ours = inferred(ask(rows, "~ group", "group", test=test), y)
    ways = dict.fromkeys([tuple(rows["group"]), *permutations("abcabcab")])
    f = np.array([stats.f_oneway(*(y[np.array(way) == name] for name in "abc")).statistic for way in ways])
    assert len(ours.maxima) == len(ways) == 560
    p, p_fwe = _counted(f)
    np.testing.assert_array_equal(ours.p, p)
    np.testing.assert_array_equal(ours.p_fwe, p_fwe)


@pytest.mark.parametrize("contrast", ["arm[x] - arm[y]", "group"])
def test_labels_and_residuals_are_the_same_test_without_covariates(contrast: str) -> None:
    rows = pd.DataFrame({"participant_id": range(9), "arm": list("xyxyxyxyy"), "group": list("abcabcabc")})
    y = np.random.default_rng(3).normal(size=(9, 6))
    formula = "~ arm" if contrast.startswith("arm") else "~ group"
    residuals, labels = (inferred(ask(rows, formula, contrast, test=test), y) for test in ("residuals", "labels"))
    np.testing.assert_array_equal(residuals.p, labels.p)
    np.testing.assert_array_equal(residuals.p_fwe, labels.p_fwe)
    np.testing.assert_allclose(np.sort(residuals.maxima), np.sort(labels.maxima), rtol=1e-9)


@pytest.mark.parametrize(
    ("test", "contrast", "method"),
    [
        ("auto", "group", "unequal"),
        ("auto", "bond", "residuals"),
        ("auto", "mean", "flips"),
        ("labels", "arm[training] - arm[waiting]", "labels"),
        ("labels", "group", "labels"),
        ("residuals", "arm[training] - arm[waiting]", "residuals"),
    ],
)
def test_the_design_decides_what_is_rearranged(test: str, contrast: str, method: str) -> None:
    formula = {"m": "~ age", "g": "~ group", "a": "~ arm", "b": "~ bond"}[contrast[0]]
    assert ask(people(), formula, contrast, test=test).method == method


def test_p_is_counted_in_words() -> None:
    few, many = people(8), people()
    y = np.random.default_rng(1).normal(size=(30, 2))
    for rows, text in ((few, "largest |t| over all 256 sign flips"), (many, "largest |t| over 100 random sign flips")):
        asked = ask(rows, "~ 1", "mean", permutations=99 if rows is many else 300)
        assert asked.counted(len(inferred(asked, y[: len(rows)]).maxima)) == text
    asked = ask(many, "~ group", "group", permutations=99)
    assert asked.counted(100) == "largest F over 100 random permutations of participants"


@pytest.mark.parametrize(
    ("formula", "contrast", "method", "column"),
    [
        ("~ arm * bond", "arm[training] - arm[waiting] : bond", "unequal", "arm"),
        ("~ group * bond", "group : bond", "unequal", "group"),
        ("~ arm + sex", "sex[m] - sex[f]", "unequal", "sex"),
        ("~ arm + bond", "bond", "unequal", "arm"),
        ("~ arm + sex + bond", "bond", "residuals", ""),
        ("~ C(site) + bond", "bond", "unequal", "site"),
        ("~ bond", "bond", "residuals", ""),
        ("~ pre + arm", "arm[training] - arm[waiting]", "residuals", "arm"),
    ],
)
def test_arms_may_vary_differently_wherever_there_are_arms(
    formula: str, contrast: str, method: str, column: str
) -> None:
    asked = ask(people(), formula, contrast, test="auto")
    assert (asked.method, asked.arm_column) == (method, column)
    known = asked.variances(np.random.default_rng(1).normal(size=(30, 20)))
    assert (sorted(known) == sorted(people()[column].astype(str).unique())) if known else method == "residuals"


def test_groups_that_are_not_compared_must_be_large_to_vary_differently() -> None:
    """Nine of one sex ask for no caution in a model of age; they are taken to vary as all others."""
    rows = people().assign(sex=["m"] * 9 + ["f"] * 21)
    assert ask(rows, "~ sex + bond", "bond", test="auto").method == "residuals"
    assert ask(rows, "~ sex + bond", "bond", test="unequal").method == "unequal"
    assert ask(rows, "~ sex + bond", "sex[m] - sex[f]", test="auto").method == "unequal"


@pytest.mark.parametrize(
    ("formula", "contrast", "options", "told"),
    [
        ("~ bond", "bond", {}, "groups in the formula"),
        ("~ pre + arm", "arm[training] - arm[waiting]", {}, "no value before"),
        ("~ few", "few[a] - few[b]", {}, "3 in a"),
        ("~ four * (bond + age + fd_change)", "four[a] - four[b] : bond", {}, "residual degrees of freedom"),
    ],
)
def test_what_cannot_vary_differently_is_refused(
    formula: str, contrast: str, options: dict[str, Any], told: str
) -> None:
    rows = people().assign(few=["a"] * 3 + ["b"] * 27, four=["a"] * 4 + ["b"] * 26)
    with pytest.raises(UserError) as error:
        ask(rows, formula, contrast, test="unequal", **options)
    assert told in str(error.value)


# What makes a test less sure than it says


def test_small_arms_are_told_in_every_contrast_of_them() -> None:
    rows = people().assign(arm=["training"] * 8 + ["waiting"] * 22)
    y = np.random.default_rng(1).normal(size=(30, 40))
    for formula, contrast in (("~ arm * bond", "arm[training] - arm[waiting] : bond"), ("~ arm + bond", "arm")):
        found = cautions(ask(rows, formula, contrast, test="auto"), y)
        assert len(found) == 1
        assert "8 in training" in found[0]
    assert cautions(ask(rows, "~ arm", "arm", test="auto"), y) == []


def test_skewed_changes_are_told_of_a_mean_change() -> None:
    rng = np.random.default_rng(2)
    y, asked = rng.normal(size=(30, 100)), ask(people(), "~ bond", "mean")
    assert cautions(asked, y) == []
    told = cautions(asked, np.where(np.arange(100) == 7, np.nan, rng.exponential(size=(30, 100))))
    assert len(told) == 1
    assert told[0].startswith("changes are skewed (by 1.")
    assert "sign flips" in told[0]


def test_skewed_changes_are_told_of_several_conditions_together() -> None:
    """The same as of more edges of the same participants, in whatever order these stand."""
    rows = pd.concat([people(16).assign(part=0), people(16).sample(frac=1, random_state=1).assign(part=1)])
    rows, rng = rows.reset_index(drop=True), np.random.default_rng(3)
    asked = ask(rows, "~ 1", "mean", condition="a, b, c")
    by_person = rng.exponential(size=(16, 2, 50))
    place = rows["participant_id"].str[-2:].astype(int).to_numpy()
    told = cautions(asked, by_person[place, rows["part"]])
    one = cautions(ask(people(16), "~ 1", "mean"), np.concatenate([by_person[:, 0], by_person[:, 1]], axis=1))
    assert asked.method == "flips"
    assert told == one != []
    assert cautions(asked, rng.normal(size=(32, 50))) == []


@pytest.mark.parametrize(
    ("formula", "contrast", "options"),
    [
        ("~ pre + arm", "arm[training] - arm[waiting]", {"test": "auto"}),
        ("~ arm", "arm[training] - arm[waiting]", {}),
        ("~ arm + sex + bond", "bond", {"test": "auto"}),
    ],
)
def test_arms_that_vary_differently_are_told_where_the_test_takes_them_to_vary_alike(
    formula: str, contrast: str, options: dict[str, Any]
) -> None:
    rows, y = people(), np.random.default_rng(4).normal(size=(30, 60))
    asked = ask(rows, formula, contrast, **options)
    assert asked.method == "residuals"
    assert cautions(asked, y) == []
    told = cautions(asked, y * np.where(rows["arm"] == "training", 2, 1)[:, None])
    assert len(told) == 1
    assert told[0].startswith("groups of arm vary differently (variance relative to all: ")
    assert cautions(ask(rows, "~ arm", "arm[training] - arm[waiting]", test="auto"), y) == []


# Blocks


def _moves(asked: Question, n: int = 300) -> np.ndarray:
    return np.concatenate(list(Arrangements(asked.design, n, 1).blocks(64)))


@pytest.mark.parametrize("test", ["residuals", "labels"])
@pytest.mark.parametrize(("formula", "contrast"), [("~ arm + C(site)", "arm[training] - arm[waiting]"),
                                                   ("~ bond", "bond"), ("~ group + age", "group")])  # fmt: skip
def test_nobody_leaves_a_block(formula: str, contrast: str, test: str) -> None:
    rows = people()
    asked = ask(rows, formula, contrast, within_block="site", test=test)
    moves, site = _moves(asked), rows["site"].to_numpy()
    assert (site[moves] == site).all()
    assert len(np.unique(moves, axis=0)) > 290
    found = inferred(asked, values(rows))
    assert not np.array_equal(found.p, inferred(ask(rows, formula, contrast, test=test), values(rows)).p)


def test_within_blocks_p_is_that_of_all_orders_inside_them() -> None:
    """Arms within two sites: 3 of 6 and 2 of 4 people, 20 times 6 ways to form them."""
    site = np.array([1, 2, 1, 1, 2, 1, 2, 1, 2, 1])
    rows = pd.DataFrame({"participant_id": range(10), "arm": list("xyyxxxyyxy"), "site": site})
    y = np.random.default_rng(5).normal(size=(10, 3)) + site[:, None]
    asked = ask(rows, "~ arm + C(site)", "arm[x] - arm[y]", within_block="site")
    inside = [np.flatnonzero(site == one) for one in (1, 2)]
    x, t, seen = np.column_stack([rows["arm"] == "x", np.ones(10), site]).astype(float), [], set()
    residuals = y - x[:, 1:] @ np.linalg.lstsq(x[:, 1:], y, rcond=None)[0]
    for first, second in product(permutations(inside[0]), permutations(inside[1])):
        order = np.empty(10, dtype=int)
        order[inside[0]], order[inside[1]] = first, second
        way = frozenset(order[rows["arm"] == "x"])
        if way not in seen:
            seen.add(way)
            beta, rss = np.linalg.lstsq(x, residuals[order], rcond=None)[:2]
            t.append(np.abs(beta[0]) / np.sqrt(rss / 7 * np.linalg.inv(x.T @ x)[0, 0]))
    p, p_fwe = _counted(np.array(t))
    ours = inferred(asked, y)
    assert len(t) == len(ours.maxima) == 120
    np.testing.assert_array_equal(ours.p, p)
    np.testing.assert_array_equal(ours.p_fwe, p_fwe)
    assert asked.counted(120) == "largest |t| over all 120 permutations of participants"


@pytest.mark.parametrize("contrast", ["arm[training] - arm[waiting]", "bond", "mean"])
def test_families_move_as_wholes(contrast: str) -> None:
    """Of the same size only: a family of three never stands where one of two was."""
    rows = people(30).assign(family=np.repeat(list("abcdefghijkl"), [2, 3] * 6))
    formula = {"a": "~ arm", "b": "~ bond", "m": "~ age"}[contrast[0]]
    asked = ask(rows, formula, contrast, whole_block="family")
    family = rows["family"].to_numpy()
    for move in _moves(asked, 99):
        if contrast == "mean":
            assert all(len(set(move[family == name])) == 1 for name in set(family))
            continue
        for name in set(family):
            come = move[family == name]
            assert len(set(family[come])) == 1
            np.testing.assert_array_equal(come, np.flatnonzero(family == family[come[0]]))
    if contrast == "mean":
        assert Arrangements(asked.design, 5000, 1).possible == 2**12


def test_whole_families_have_the_p_of_all_their_signs() -> None:
    rows = pd.DataFrame({"participant_id": range(9), "family": list("abcabcddd")})
    y = np.random.default_rng(6).normal(0.3, 1, size=(9, 3))
    ours = inferred(ask(rows, "~ 1", "mean", whole_block="family"), y)
    t = []
    for signs in product((1, -1), repeat=4):
        moved = y * rows["family"].map(dict(zip("abcd", signs, strict=True))).to_numpy()[:, None]
        t.append(np.abs(stats.ttest_1samp(moved, 0).statistic))
    p, p_fwe = _counted(np.array(t))
    np.testing.assert_array_equal(ours.p, p)
    np.testing.assert_array_equal(ours.p_fwe, p_fwe)


# Conditions within participants


def crossed(
    names: tuple[str, ...], condition: str, n: int = 9, seed: int = 2, **options: Any
) -> tuple[Outcome, np.ndarray, pd.DataFrame]:
    """Return the outcome of a crossover, its values, and the same sessions as a long table."""
    rng = np.random.default_rng(seed)
    sessions = {f"{name}{phase}": Session(phase, name) for name in names for phase in ("pre", "post")}
    cohort = Cohort("t", Path(), Path(), sessions)
    ids = [f"sub-{number:02d}" for number in range(n)]
    scans = pd.DataFrame(
        [(one, f"ses-{label}", session.condition, session.phase) for one in ids for label, session in sessions.items()],
        columns=["participant_id", "session_id", "condition", "phase"],
    )
    scans["mean_fd"] = rng.uniform(0.05, 0.3, len(scans))
    y = rng.normal(size=(len(scans), 3)) + rng.normal(size=(n, 3)).repeat(2 * len(names), axis=0)
    y += 0.5 * ((scans["condition"] == names[0]) & (scans["phase"] == "post")).to_numpy()[:, None]
    subjects = pd.DataFrame({"participant_id": ids, "arm": np.array(["x", "y"])[np.arange(n) % 3 % 2]})
    found = by_session(y, scans, cohort)
    asked = model(**{"formula": "~ 1", "contrast": "mean", **options}, condition=condition)
    outcome = select(
        found, subjects, scans.assign(kept="yes", reason=None), asked, parts_of(condition, cohort, "m"), cohort, "m"
    )
    table = scans.merge(subjects).assign(**{f"y{column}": y[:, column] for column in range(3)})
    return outcome, outcome.of(found.connectomes), table


def changes(table: pd.DataFrame, column: int) -> pd.DataFrame:
    """Return the change of every participant under every condition, as a long table."""
    wide = table.pivot_table(index=["participant_id", "arm", "condition"], columns="phase", values=f"y{column}")
    return (wide["post"] - wide["pre"]).rename("change").reset_index()


def rm(table: pd.DataFrame, column: int) -> pd.DataFrame:
    """Return the repeated-measures analysis of variance of condition and phase by statsmodels."""
    fitted = AnovaRM(table, f"y{column}", "participant_id", within=["condition", "phase"]).fit()
    return fitted.anova_table


def test_two_conditions_are_the_interaction_with_time() -> None:
    options = {"formula": "~ 1", "contrast": "mean"}
    outcome, y, table = crossed(("drug", "placebo"), "drug - placebo")
    ours = estimated(ask(outcome.rows, **options, condition="drug - placebo"), y)
    both, sums, _ = crossed(("drug", "placebo"), "drug + placebo")
    mean = estimated(ask(both.rows, **options, condition="drug + placebo"), sums)
    for column in range(3):
        theirs = rm(table, column)
        np.testing.assert_allclose(ours.statistic[column] ** 2, theirs.loc["condition:phase", "F Value"], rtol=1e-8)
        np.testing.assert_allclose(mean.statistic[column] ** 2, theirs.loc["phase", "F Value"], rtol=1e-8)
        assert ours.df[column] == theirs.loc["condition:phase", "Den DF"]


def test_two_conditions_that_are_tested_together_are_their_difference() -> None:
    one, two = (
        inferred(ask(outcome.rows, "~ 1", "mean", condition=text), y)
        for text in ("drug - placebo", "drug, placebo")
        for outcome, y, _ in [crossed(("drug", "placebo"), text)]
    )
    np.testing.assert_array_equal(one.p, two.p)
    np.testing.assert_array_equal(one.p_fwe, two.p_fwe)


def test_three_conditions_are_the_analysis_of_variance_with_repeated_measures() -> None:
    outcome, y, table = crossed(SEVERAL, "drug, low, placebo")
    asked = ask(outcome.rows, "~ 1", "mean", condition="drug, low, placebo")
    ours = estimated(asked, y)
    for column in range(3):
        theirs = rm(table, column).loc["condition:phase"]
        np.testing.assert_allclose(ours.statistic[column], theirs["F Value"], rtol=1e-8)
        assert (len(asked.asked.contrast), ours.df[column]) == (theirs["Num DF"], theirs["Den DF"]) == (2, 16)
        again = pingouin.rm_anova(changes(table, column), "change", "condition", "participant_id", detailed=True)
        np.testing.assert_allclose(ours.statistic[column], again.loc[0, "F"], rtol=1e-8)
    assert (asked.n, asked.together, asked.method) == (9, True, "flips")


@pytest.mark.parametrize("condition", ["drug, low, placebo", "placebo, drug, low"])
def test_three_conditions_have_the_p_of_all_signs_of_participants(condition: str) -> None:
    """Whatever their order: F does not depend on which orthonormal contrasts are chosen."""
    n = 9
    outcome, y, table = crossed(SEVERAL, condition, n)
    asked = ask(outcome.rows, "~ 1", "mean", condition=condition)
    wide = np.stack([changes(table, one)["change"].to_numpy().reshape(n, 3) for one in range(3)], axis=2)
    inside = wide - wide.mean(axis=1, keepdims=True)
    f = []
    for signs in product((1, -1), repeat=n):
        moved = np.array(signs)[:, None, None] * inside
        between = n * np.square(moved.mean(axis=0)).sum(axis=0)
        f.append(between / 2 / ((np.square(moved).sum(axis=(0, 1)) - between) / (2 * (n - 1))))
    np.testing.assert_allclose(estimated(asked, y).statistic, f[0], rtol=1e-9)
    p, p_fwe = _counted(np.array(f))
    ours = inferred(asked, y)
    np.testing.assert_array_equal(ours.p, p)
    np.testing.assert_array_equal(ours.p_fwe, p_fwe)
    assert asked.counted(len(ours.maxima)) == "largest F over all 512 sign flips"


def test_arms_and_conditions_are_the_mixed_analysis_of_variance() -> None:
    """F of arm x condition in the changes, by pingouin and by the comparison of two models with all participants."""
    options = {"formula": "~ arm", "contrast": "arm[x] - arm[y]"}
    outcome, y, table = crossed(SEVERAL, "drug, low, placebo", 12, **options)
    asked = ask(outcome.rows, **options, condition="drug, low, placebo")
    ours = estimated(asked, y)
    for column in range(3):
        long = changes(table, column)
        large, small = (smf.ols(f"change ~ C(participant_id) + condition{more}", long).fit()
                        for more in (" * arm", ""))  # fmt: skip
        np.testing.assert_allclose(ours.statistic[column], large.compare_f_test(small)[0], rtol=1e-8)
        assert (2, ours.df[column]) == (large.df_model - small.df_model, large.df_resid)
    balanced, y, table = crossed(SEVERAL, "drug, low, placebo", 12)
    arms = {name: "xy"[number % 2] for number, name in enumerate(sorted(set(table["participant_id"])))}
    rows = balanced.rows.assign(arm=balanced.rows["participant_id"].map(arms))
    ours = estimated(ask(rows, **options, condition="drug, low, placebo"), y)
    long = changes(table, 0)
    long["arm"] = long["participant_id"].map(arms)
    theirs = pingouin.mixed_anova(long, "change", "condition", "participant_id", "arm").set_index("Source")
    np.testing.assert_allclose(ours.statistic[0], theirs.loc["Interaction", "F"], rtol=1e-8)


def test_participants_move_with_all_their_conditions() -> None:
    options = {"formula": "~ arm", "contrast": "arm[x] - arm[y]", "condition": "drug, low, placebo"}
    outcome, _, _ = crossed(SEVERAL, n=12, **options)
    asked, name = ask(outcome.rows, **options), outcome.rows["participant_id"].to_numpy()
    part = outcome.rows["part"].to_numpy()
    for move in _moves(asked, 99):
        np.testing.assert_array_equal(part[move], part)
        assert all(len(set(name[move[name == one]])) == 1 for one in set(name))
    assert asked.n == 12


def test_motion_is_a_covariate_of_each_part() -> None:
    """The contrasts among conditions have their own changes in motion and their own slopes on it."""
    outcome, y, _ = crossed(SEVERAL, "drug, low, placebo", motion_covariate=True)
    asked = ask(outcome.rows, "~ 1", "mean", condition="drug, low, placebo", motion_covariate=True)
    rows, part = outcome.rows, outcome.rows["part"].to_numpy()
    own = [np.where(part == one, rows["fd_change"], 0) for one in (0, 1)]
    x = np.column_stack([part == 0, own[0], part == 1, own[1]]).astype(float)
    np.testing.assert_allclose(asked.asked.matrix, x, atol=1e-12)
    for column in range(3):
        theirs = sm.OLS(y[:, column], x).fit().f_test(np.eye(4)[[0, 2]])
        np.testing.assert_allclose(estimated(asked, y).statistic[column], float(theirs.fvalue), rtol=1e-8)


# The value before


def test_a_model_with_the_value_before_is_the_analysis_of_covariance() -> None:
    rows, rng = people(), np.random.default_rng(3)
    before, y = rng.normal(size=(30, 3)), values(rows, 3)
    asked = ask(rows, "~ arm + pre + age", "arm[training] - arm[waiting]")
    ours = estimated(asked, y, before)
    for column in range(3):
        fitted = smf.ols("y ~ arm + age + x", rows.assign(y=y[:, column], x=before[:, column])).fit()
        np.testing.assert_allclose(ours.statistic[column], -fitted.tvalues["arm[T.waiting]"], rtol=1e-8)
        assert asked.df == ours.df[column] == fitted.df_resid
        theirs = pingouin.ancova(rows.assign(y=y[:, column], x=before[:, column]), "y", "arm", ["x", "age"])
        np.testing.assert_allclose(ours.statistic[column] ** 2, theirs.loc[0, "F"], rtol=1e-7)
    assert asked.asked.columns == ("Intercept", "arm[T.waiting]", "age")


def test_three_arms_with_the_value_before_are_tested_together() -> None:
    rows, rng = people(), np.random.default_rng(3)
    before, y = rng.normal(size=(30, 3)), values(rows, 3)
    asked = ask(rows, "~ group + pre", "group", permutations=199)
    ours, found = asked.evaluate([Family(y, before)])[0]
    for column in range(3):
        data = rows.assign(y=y[:, column], x=before[:, column])
        table = anova_lm(smf.ols("y ~ group + x", data).fit(), typ=2)
        np.testing.assert_allclose(ours.statistic[column], table.loc["group", "F"], rtol=1e-8)
    np.testing.assert_allclose(found.maxima[0], ours.statistic.max(), rtol=1e-9)


def test_participants_with_own_values_before_are_not_interchangeable_in_words_either() -> None:
    rows = pd.DataFrame({"participant_id": range(6), "arm": list("xyxyxy")})
    y, before = np.random.default_rng(4).normal(size=(2, 6, 2))
    asked = ask(rows, "~ arm + pre", "arm[x] - arm[y]", permutations=300)
    n = len(inferred(asked, y, before).maxima)
    assert (n, asked.counted(n)) == (301, "largest |t| over 301 random permutations of participants")
    asked = ask(rows, "~ arm + pre", "arm[x] - arm[y]", permutations=300, test="labels")
    n = len(inferred(asked, y, before).maxima)
    assert (n, asked.counted(n)) == (20, "largest |t| over all 20 permutations of labels")


def test_motion_is_tested_without_the_value_before() -> None:
    """The same contrast in the change of motion, which has no value before of its own."""
    rows = people()
    asked = model("~ pre + age + arm", "arm[training] - arm[waiting]", motion_covariate=True)
    theirs = smf.ols("fd_change ~ age + arm", rows).fit()
    found = motion_test(rows, asked, "model.yaml")
    assert found["estimate"] == pytest.approx(-theirs.params["arm[T.waiting]"], rel=1e-9)
    low, high = theirs.conf_int().loc["arm[T.waiting]"]
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([-high, -low], rel=1e-9)


# Mixed models


def longitudinal(n: int = 16, seed: int = 7, *, sessions: int = 3) -> pd.DataFrame:
    """Return sessions of two arms at weeks of their own, of which a quarter is missing, at least one of each person."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(n):
        weeks = np.cumsum([0, *rng.uniform(2, 8, sessions - 1)])
        come = rng.uniform(size=sessions) < 0.75
        come[rng.integers(sessions)] = True
        names = (f"sub-{person:02d}", "xy"[person % 2])
        rows += [(*names, weeks[number], ("pre", "post", "other")[number]) for number in np.flatnonzero(come)]
    table = pd.DataFrame(rows, columns=["participant_id", "arm", "weeks", "phase"])
    age = dict(zip(table["participant_id"].unique(), rng.normal(40, 10, n), strict=True))
    return table.assign(part=0, age=table["participant_id"].map(age), mean_fd=rng.uniform(0.05, 0.3, len(table)))


def repeated(rows: pd.DataFrame, n_columns: int, ratio: float, seed: int) -> np.ndarray:
    """Return noise with intercepts of participants, whose variance is ``ratio`` times that of the noise."""
    rng, person = np.random.default_rng(seed), pd.factorize(rows["participant_id"])[0]
    intercepts = np.sqrt(ratio) * rng.normal(size=(person.max() + 1, n_columns))
    return intercepts[person] + rng.normal(size=(len(rows), n_columns))


MIXED = [
    ("~ arm * weeks", "weeks : arm[x] - arm[y]", ["1", "arm", "weeks", "arm:weeks"], [[0, 0, 0, 1]]),
    ("~ arm * weeks + age", "weeks", ["1", "arm", "weeks", "arm:weeks", "age"], None),
    ("~ weeks", "weeks", ["1", "weeks"], [[0, 1]]),
    ("~ arm + age + phase", "arm[x] - arm[y]", ["1", "arm", "age", "post", "pre"], [[0, 1, 0, 0, 0]]),
    ("~ phase", "phase[post] - phase[pre]", ["1", "post", "pre"], [[0, 1, -1]]),
    ("~ phase", "phase", ["1", "post", "pre"], [[0, 1, 0], [0, 0, 1]]),
    ("~ arm * phase", "phase[post] - phase[pre] : arm[x] - arm[y]",
     ["1", "arm", "post", "pre", "arm:post", "arm:pre"], [[0, 0, 0, 0, 1, -1]]),
    ("~ arm * phase", "arm : phase",
     ["1", "arm", "post", "pre", "arm:post", "arm:pre"], [[0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]]),
]  # fmt: skip


def by_hand(rows: pd.DataFrame, names: list[str]) -> np.ndarray:
    known = {"1": np.ones(len(rows)), "arm": rows["arm"] == "x", "weeks": rows["weeks"], "age": rows["age"],
             "post": rows["phase"] == "post", "pre": rows["phase"] == "pre"}  # fmt: skip
    return np.column_stack(
        [np.prod([np.asarray(known[part], dtype=float) for part in name.split(":")], axis=0) for name in names]
    )


@pytest.mark.parametrize(("formula", "contrast", "names", "weights"), MIXED, ids=[f"{a}, {b}" for a, b, *_ in MIXED])
def test_a_mixed_model_is_the_one_that_is_written_down_by_hand(
    formula: str, contrast: str, names: list[str], weights: list[list[int]] | None
) -> None:
    rows = longitudinal()
    y, asked = repeated(rows, 5, 1.0, 8), ask(rows, formula, contrast, outcome="sessions", permutations=99)
    x, person = by_hand(rows, names), rows["participant_id"].to_numpy()
    chosen = np.array([[0, 0, 1, (rows["arm"] == "x").mean(), 0]] if weights is None else weights, dtype=float)
    ours, found = asked.evaluate([Family(y)])[0]
    if len(chosen) > 1:
        theirs = f_test_mixed(y, x, person, chosen)
        np.testing.assert_allclose(ours.statistic, theirs.statistic, rtol=1e-8)
        np.testing.assert_allclose(found.p, theirs.p, rtol=1e-2)
    else:
        single = fit_mixed(y, x, person, chosen[0], 0.95)
        for name, theirs in (("estimate", single.estimate), ("low", single.low), ("high", single.high),
                             ("statistic", single.t), ("error", single.se), ("df", single.df)):  # fmt: skip
            np.testing.assert_allclose(getattr(ours, name), theirs, rtol=1e-7, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(found.p, single.p, rtol=1e-6)
        total = np.sqrt(single.variance_between + single.variance_within)
        np.testing.assert_allclose(ours.g, single.estimate / total, rtol=1e-7, atol=1e-9)
    assert (asked.method, asked.n) == ("mixed", 16)


@pytest.mark.parametrize(("formula", "contrast"), [("~ arm * weeks", "weeks : arm[x] - arm[y]"), ("~ weeks", "weeks")])
def test_a_slope_per_week_equals_statsmodels(formula: str, contrast: str) -> None:
    """Its optimiser stops early, and its standard errors are up to 2 % from those of generalised least squares."""
    rows = longitudinal()
    y = repeated(rows, 3, 1.0, 9)
    ours = estimated(ask(rows, formula, contrast, outcome="sessions"), y)
    for column in range(3):
        theirs = smf.mixedlm(f"y {formula}", rows.assign(y=y[:, column]), groups="participant_id").fit(reml=True)
        name = [one for one in theirs.params.index if "weeks" in one][-1]
        sign = -1 if "arm" in name else 1
        np.testing.assert_allclose(ours.estimate[column], sign * theirs.params[name], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(ours.error[column], theirs.bse[name], rtol=2e-2)


def test_complete_pairs_in_a_mixed_model_are_the_test_of_changes() -> None:
    """Two sessions each and intercepts that vary: arm x phase is the t test of two samples of changes."""
    rows = pd.DataFrame(list(product([f"sub-{n:02d}" for n in range(16)], ("pre", "post"))),
                        columns=["participant_id", "phase"]).assign(part=0)  # fmt: skip
    rows["arm"] = np.where(rows["participant_id"].str[-1].astype(int) % 2, "x", "y")
    y = repeated(rows, 5, 4.0, 10)
    ours = estimated(ask(rows, "~ arm * phase", "phase[post] - phase[pre] : arm[x] - arm[y]", outcome="sessions"), y)
    change, arm = y[1::2] - y[::2], rows["arm"][::2].to_numpy()
    theirs = stats.ttest_ind(change[arm == "x"], change[arm == "y"])
    np.testing.assert_allclose(ours.statistic, theirs.statistic, rtol=1e-7)
    np.testing.assert_allclose(ours.df, 14, rtol=1e-6)


# Sign flips of participants in mixed models


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []

    def add(self, statistic: np.ndarray, /) -> None:
        self.blocks.append(statistic.copy())


def _nearest(ratio: np.ndarray) -> np.ndarray:
    found: np.ndarray = RATIOS[np.abs(np.log(RATIOS + 1e-3) - np.log(ratio + 1e-3)[:, None]).argmin(axis=1)]
    return found


def _t2(y: np.ndarray, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return F, or t², of columns in a linear model."""
    beta, rss = np.linalg.lstsq(x, y, rcond=None)[:2]
    spread = np.linalg.inv(weights @ np.linalg.inv(x.T @ x) @ weights.T)
    effect = weights @ beta
    return np.einsum("qe,qr,re->e", effect, spread, effect) / len(weights) / (rss / (len(x) - x.shape[1]))


@pytest.mark.parametrize(("formula", "contrast"), [("~ arm * weeks", "weeks : arm[x] - arm[y]"),
                                                   ("~ phase + age", "phase")])  # fmt: skip
def test_flips_in_a_mixed_model_equal_a_loop_that_fits_whitened_rows_again(formula: str, contrast: str) -> None:
    """Residuals of the model without the effect, whitened at its own ratio, or the nearest of those in the list."""
    rows = longitudinal(9)
    y = repeated(rows, 6, 1.0, 11)
    asked = ask(rows, formula, contrast, outcome="sessions", permutations=600)
    person, weights, x = rows["participant_id"].to_numpy(), asked.asked.contrast, asked.asked.matrix
    null = np.linalg.svd(weights)[2][len(weights) :].T
    at = _nearest(fit_mixed(y, x @ null, person, np.eye(null.shape[1])[0], 0.95).ratio)
    f, signs = np.empty((512, 6)), np.array(list(product((1, -1), repeat=9)))
    for column in range(6):
        white, made = (whiten(each, person, at[column]) for each in (y[:, [column]], x))
        reduced = made @ null
        residuals = white - reduced @ np.linalg.lstsq(reduced, white, rcond=None)[0]
        codes = pd.factorize(person)[0]
        for row, sign in enumerate(signs):
            f[row, column] = _t2(residuals * sign[codes][:, None], made, weights)[0]
    ours = inferred(asked, y)
    np.testing.assert_array_equal(ours.p_fwe, _counted(f)[1])
    top = f.max(axis=1) if asked.together else np.sqrt(f.max(axis=1))
    np.testing.assert_allclose(np.sort(ours.maxima), np.sort(top), rtol=1e-7)
    assert asked.counted(512).endswith("over all 512 sign flips of participants in a mixed model")


def test_the_list_of_ratios_is_fine_enough() -> None:
    """At the nearest ratio of the list, t is that at the ratio itself to a tenth, whatever the ratio is."""
    rows = longitudinal(24)
    person = rows["participant_id"].to_numpy()
    y = np.concatenate([repeated(rows, 40, ratio, 12) for ratio in (0, 0.3, 1, 5, 40)], axis=1)
    asked = ask(rows, "~ arm * weeks", "weeks : arm[x] - arm[y]", outcome="sessions")
    x, heard = asked.asked.matrix, Heard()
    ratio = fit_mixed(y, x, person, asked.asked.contrast[0], 0.95).ratio
    mixed_test(y, asked.design, person, ratio, 99, 1, [heard])
    for column, t in enumerate(heard.blocks[0][0]):
        white, made = (whiten(each, person, ratio[column]) for each in (y[:, [column]], x))
        exact = sm.OLS(white, made).fit().t_test(asked.asked.contrast).tvalue.item()
        assert t == pytest.approx(exact, abs=0.1)
    assert len(set(_nearest(ratio))) > 12


def test_how_columns_are_gathered_changes_nothing_for_each() -> None:
    rows = longitudinal()
    y, person = repeated(rows, 12, 1.0, 13), rows["participant_id"].to_numpy()
    y[3, 4] = np.nan
    asked = ask(rows, "~ arm * weeks", "weeks : arm[x] - arm[y]", outcome="sessions", permutations=199)
    whole = inferred(asked, y)
    np.testing.assert_array_equal(np.isnan(whole.p_fwe), np.arange(12) == 4)
    np.testing.assert_array_equal(np.isnan(whole.p), np.arange(12) == 4)
    order = np.random.default_rng(1).permutation(12)
    turned = inferred(asked, y[:, order])
    np.testing.assert_array_equal(turned.p_fwe, whole.p_fwe[order])
    ratio = np.full(12, 0.7)
    ratio[4] = np.nan
    alone = [mixed_test(y[:, [one]], asked.design, person, ratio[[one]], 199, 1).p[0] for one in range(12)]
    np.testing.assert_array_equal(mixed_test(y, asked.design, person, ratio, 199, 1).p, alone)


def test_families_flip_together_in_a_mixed_model() -> None:
    rows = longitudinal(12)
    rows["family"] = rows["participant_id"].str[-2:].astype(int) // 3
    asked = ask(rows, "~ arm * weeks", "weeks : arm[x] - arm[y]", outcome="sessions", whole_block="family")
    moves = _moves(asked)
    assert len(moves) == 2**4
    assert all((np.ptp(moves[:, rows["family"] == one], axis=1) == 0).all() for one in range(4))


def _found(formula: str, contrast: str, ratio: float) -> float:
    """Return in which share of 500 studies of 16 people any of 10 columns without an effect is significant."""
    rows = longitudinal(16, seed=3)
    asked = ask(rows, formula, contrast, outcome="sessions", permutations=99)
    return np.mean([inferred(asked, repeated(rows, 10, ratio, seed)).p_fwe.min() <= 0.05 for seed in range(500)])


@pytest.mark.parametrize(
    ("formula", "contrast", "ratio"),
    [("~ arm * weeks", "weeks : arm[x] - arm[y]", 1.0), ("~ phase + age", "phase", 10.0)],
)
def test_flips_in_a_mixed_model_keep_their_level(formula: str, contrast: str, ratio: float) -> None:
    """The share is off by 1 % (one standard error) by chance, and may be off by three times that."""
    assert 0.02 <= _found(formula, contrast, ratio) <= 0.08


@pytest.mark.parametrize(
    ("formula", "contrast", "ratio"), [("~ arm * weeks", "arm[x] - arm[y]", 1.0), ("~ 1", "mean", 10.0)]
)
def test_flips_in_a_mixed_model_keep_their_level_between_participants(
    formula: str, contrast: str, ratio: float
) -> None:
    """They did not (8 to 12 %) at the ratio of the model with the effect, which is small where t is large."""
    assert 0.02 <= _found(formula, contrast, ratio) <= 0.08
