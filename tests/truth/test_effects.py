"""Effect sizes against their formulas, pingouin, published values and scipy.stats.bootstrap; coverage by simulation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pingouin
import pytest
from scipy import stats

from connect.inference import effects, hedges_correction
from connect.inference.bootstrap import Bootstrap
from connect.inference.effects import Effect, arm_effects, group_effects, paired_effects

CLOSE = {"rtol": 1e-10, "atol": 1e-11}
"""Sums of moments and sums of deviations differ by rounding: some 13 digits agree for values of order 1."""

ROUGH = Bootstrap(n_resamples=1)
"""For estimates only."""

NAMES = ("mean_change", "g_av", "g_rm")
Found = dict[str, Effect]


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def sessions(n: int, n_columns: int = 5, seed: int = 1, *, skewed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return values before and after that correlate by about 0.5; the mean change is 0.4."""
    rng = np.random.default_rng([seed, n])
    draw = (lambda: rng.exponential(1, (n, n_columns)) - 1) if skewed else (lambda: rng.normal(0, 1, (n, n_columns)))
    lasting = rng.normal(0, 1, (n, n_columns))
    return (lasting + draw()) * math.sqrt(0.5), (lasting + 1.2 * draw()) * math.sqrt(0.5) + 0.4


def arms(n_first: int, n_second: int) -> np.ndarray:
    return np.random.default_rng(n_first).permutation(np.arange(n_first + n_second) < n_first)


def tied(statistic: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Round a statistic, so that resamples that draw everyone once tie with the estimate, as in exact arithmetic."""
    return lambda *samples, axis=-1: np.round(statistic(*samples, axis=axis), 12)


def j(df: float) -> float:
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def mean_change(pre: np.ndarray, post: np.ndarray, axis: int = -1) -> np.ndarray:
    return (post - pre).mean(axis)


def d_av(pre: np.ndarray, post: np.ndarray, axis: int = -1) -> np.ndarray:
    return mean_change(pre, post, axis) / np.sqrt((pre.var(axis, ddof=1) + post.var(axis, ddof=1)) / 2)


def d_rm(pre: np.ndarray, post: np.ndarray, axis: int = -1) -> np.ndarray:
    r = stats.pearsonr(pre, post, axis=axis).statistic
    return mean_change(pre, post, axis) / (post - pre).std(axis, ddof=1) * np.sqrt(2 * (1 - r))


def pooled(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    n = first.shape[axis], second.shape[axis]
    squares = (n[0] - 1) * first.var(axis, ddof=1) + (n[1] - 1) * second.var(axis, ddof=1)
    return np.sqrt(squares / (sum(n) - 2))


def assert_equal(one: Found, other: Found) -> None:
    assert list(one) == list(other)
    for name in one:
        for field in ("estimate", "low", "high"):
            np.testing.assert_array_equal(getattr(one[name], field), getattr(other[name], field))


def assert_close(one: Found, other: Found, factor: Callable[[str], float] = lambda name: 1.0, **close: float) -> None:
    for name in one:
        for field in ("estimate", "low", "high"):
            expected = factor(name) * getattr(other[name], field)
            np.testing.assert_allclose(getattr(one[name], field), expected, **(close or CLOSE))


# Estimates


def test_the_correction_takes_any_degrees_of_freedom() -> None:
    """At 2 it is 1 / sqrt(pi). At 1 and below d has no mean, and nothing corrects it."""
    df = np.array([2, 10, 50, 2.5, 17.3])
    np.testing.assert_allclose(hedges_correction(df), [j(one) for one in df], rtol=1e-12)
    assert hedges_correction(2) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-12)
    assert hedges_correction(10) == pytest.approx(j(10), rel=1e-12)
    assert np.isnan(hedges_correction(np.array([1.0, 0.5, 0.0, np.nan]))).all()


@pytest.mark.parametrize("n", [3, 5, 12, 60])
def test_paired_estimates_equal_the_formulas(n: int) -> None:
    pre, post = sessions(n)
    found = paired_effects(pre, post, ROUGH)
    for i in range(5):
        x, y = pre[:, i], post[:, i]
        (a, c), (_, b) = np.cov(x, y)
        df = (n - 1) * (a + b) ** 2 / (a**2 + b**2 + 2 * c**2)
        assert found["mean_change"].estimate[i] == pytest.approx(y.mean() - x.mean(), rel=1e-10)
        assert found["g_av"].estimate[i] == pytest.approx(j(df) * d_av(x, y), rel=1e-10)
        assert found["g_rm"].estimate[i] == pytest.approx(j(2 * (n - 1)) * d_rm(x, y), rel=1e-10)
        assert n - 1 <= df <= 2 * (n - 1)


def test_g_av_over_its_correction_is_pingouins_d() -> None:
    """pingouin gives 1 - 3 / (4 df - 1) for J with 2 (n - 1) degrees of freedom, which are ours without correlation."""
    pre, post = sessions(14)
    post -= (pre - pre.mean(axis=0)) * ((pre - pre.mean(axis=0)) * post).sum(axis=0) / pre.var(axis=0) / 14
    post *= pre.std(axis=0) / post.std(axis=0)
    found = paired_effects(pre, post, ROUGH)["g_av"].estimate
    for i in range(5):
        cohen = pingouin.compute_effsize(post[:, i], pre[:, i], paired=True, eftype="cohen")
        hedges = pingouin.compute_effsize(post[:, i], pre[:, i], paired=True, eftype="hedges")
        assert found[i] == pytest.approx(j(26) * cohen, rel=1e-10)
        assert found[i] == pytest.approx(hedges, rel=2e-4)


def test_g_of_two_groups_is_pingouins() -> None:
    values, group = sessions(25)[1], arms(9, 16)
    found = group_effects(values, group, ROUGH)
    for i in range(5):
        first, second = values[group, i], values[~group, i]
        cohen = pingouin.compute_effsize(first, second, eftype="cohen")
        assert found["difference"].estimate[i] == pytest.approx(first.mean() - second.mean(), rel=1e-10)
        assert found["g"].estimate[i] == pytest.approx(j(23) * cohen, rel=1e-10)
        assert found["g"].estimate[i] == pytest.approx(
            pingouin.compute_effsize(first, second, eftype="hedges"), rel=3e-4
        )


@pytest.mark.parametrize(("n_first", "n_second"), [(3, 3), (9, 16), (40, 21)])
def test_arm_estimates_equal_the_formulas(n_first: int, n_second: int) -> None:
    (pre, post), arm = sessions(n_first + n_second), arms(n_first, n_second)
    found = arm_effects(pre, post, arm, ROUGH)
    change = post - pre
    difference = change[arm].mean(axis=0) - change[~arm].mean(axis=0)
    np.testing.assert_allclose(found["difference"].estimate, difference, rtol=1e-10)
    g = j(n_first + n_second - 2) * difference / pooled(pre[arm], pre[~arm], axis=0)
    np.testing.assert_allclose(found["g_ppc"].estimate, g, rtol=1e-10)


MORRIS = [
    ((30.6, 38.5, 15.0, 20), (23.1, 19.7, 13.8, 20), 0.77),
    ((23.5, 26.8, 3.1, 50), (24.9, 25.3, 4.1, 42), 0.80),
    ((0.5, 0.7, 0.1, 9), (0.6, 0.6, 0.2, 9), 1.20),
    ((53.4, 75.9, 14.5, 10), (55.7, 60.7, 17.3, 11), 1.05),
    ((35.6, 36.0, 4.7, 14), (34.8, 33.4, 3.1, 14), 0.44),
]
"""Morris 2008, table 5: per arm mean before, mean after, standard deviation before and n; d_ppc2."""


@pytest.mark.parametrize(("treated", "control", "expected"), MORRIS)
def test_g_ppc_equals_the_published_values(treated: tuple, control: tuple, expected: float) -> None:
    pre, post, arm = [], [], []
    for before, after, sd, n in (treated, control):
        shape = stats.zscore(np.arange(n) ** 1.5, ddof=1)
        pre.append(before + sd * shape)
        post.append(after + 2 * sd * shape[::-1])
        arm.append(np.full(n, len(arm) == 0))
    found = arm_effects(np.concatenate(pre)[:, None], np.concatenate(post)[:, None], np.concatenate(arm), ROUGH)
    assert found["g_ppc"].estimate[0] == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize("r", [0.0, 0.5, 0.8])
def test_estimates_have_little_bias(r: float) -> None:
    """Without J, d is 3.5 to 6.7 % too large for a dozen; g_av keeps less than 1 %, g_rm less than 2 % downwards."""
    n, n_studies, effect, rng = 12, 20_000, 1.0, np.random.default_rng(3)
    lasting, before, after = rng.normal(0, 1, (3, n, n_studies))
    pre, post = (math.sqrt(r) * lasting + math.sqrt(1 - r) * noise for noise in (before, after))
    found = paired_effects(pre, post + effect, ROUGH)
    error = {name: found[name].estimate.std() / math.sqrt(n_studies) for name in NAMES}
    assert abs(found["g_av"].estimate.mean() - effect) < 0.005 + 4 * error["g_av"]
    assert -0.02 - 4 * error["g_rm"] < found["g_rm"].estimate.mean() - effect < 4 * error["g_rm"]
    halves = arm_effects(pre, post + effect * (np.arange(n) < 5)[:, None], np.arange(n) < 5, ROUGH)["g_ppc"].estimate
    assert abs(halves.mean() - effect) < 4 * halves.std() / math.sqrt(n_studies)


# Intervals


@pytest.mark.parametrize("n", [8, 20, 60])
@pytest.mark.parametrize("skewed", [False, True])
def test_paired_intervals_equal_scipy(n: int, skewed: bool) -> None:
    settings = Bootstrap(n_resamples=1500, confidence=0.9, seed=6)
    pre, post = sessions(n, 4, skewed=skewed)
    found = paired_effects(pre, post, settings)
    for name, statistic in zip(NAMES, (mean_change, d_av, d_rm), strict=True):
        for i in range(4):
            rng = np.random.default_rng(6)
            given = {"paired": True, "n_resamples": 1500, "confidence_level": 0.9, "rng": rng}
            expected = stats.bootstrap((pre[:, i], post[:, i]), tied(statistic), **given).confidence_interval
            np.testing.assert_allclose((found[name].low[i], found[name].high[i]), expected, **CLOSE)


@pytest.mark.parametrize(("n_first", "n_second"), [(6, 6), (9, 25), (30, 30)])
def test_two_sample_intervals_equal_scipy(n_first: int, n_second: int) -> None:
    (pre, post), arm = sessions(n_first + n_second, 3, skewed=True), arms(n_first, n_second)
    found = arm_effects(pre, post, arm, Bootstrap()) | {"groups": group_effects(pre, arm, Bootstrap())["g"]}
    for i in range(3):
        (a, b), (c, d) = ((values[arm, i], values[~arm, i]) for values in (pre, post))

        def difference(at: np.ndarray, to: np.ndarray, axis: int = -1, a=a, b=b, c=c, d=d) -> np.ndarray:
            return (c - a)[at].mean(axis) - (d - b)[to].mean(axis)

        def d_ppc(at: np.ndarray, to: np.ndarray, axis: int = -1, a=a, b=b, difference=difference) -> np.ndarray:
            return difference(at, to, axis) / pooled(a[at], b[to])

        def cohen(at: np.ndarray, to: np.ndarray, axis: int = -1, a=a, b=b) -> np.ndarray:
            return (a[at].mean(axis) - b[to].mean(axis)) / pooled(a[at], b[to])

        for name, statistic in (("difference", difference), ("g_ppc", d_ppc), ("groups", cohen)):
            data, rng = (np.arange(n_first), np.arange(n_second)), np.random.default_rng(1)
            expected = stats.bootstrap(data, tied(statistic), n_resamples=2000, rng=rng).confidence_interval
            np.testing.assert_allclose((found[name].low[i], found[name].high[i]), expected, **CLOSE)


def test_resamples_without_variance_are_left_out() -> None:
    """Among five people 0.16 % of the resamples hold one person five times; scipy is given the others."""
    pre, post = sessions(5, 6)
    found = paired_effects(pre, post, Bootstrap(seed=2))["g_av"]
    n_left_out = 0
    for i in range(6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = {"paired": True, "rng": np.random.default_rng(2)}
            result = stats.bootstrap(
                (pre[:, i], post[:, i]), tied(d_av), n_resamples=2000, method="percentile", **given
            )
            result.bootstrap_distribution = result.bootstrap_distribution[np.abs(result.bootstrap_distribution) < 1e8]
            n_left_out += 2000 - len(result.bootstrap_distribution)
            again = stats.bootstrap(
                (pre[:, i], post[:, i]), tied(d_av), n_resamples=0, bootstrap_result=result, **given
            )
        np.testing.assert_allclose((found.low[i], found.high[i]), again.confidence_interval, **CLOSE)
    assert n_left_out > 6


def _covered(n: int, *, skewed: bool, effect: float = 0.5) -> dict[str, float]:
    """Return how many of 2,400 intervals cover the truth, per effect; 8 sets of resamples take turns."""
    rng, covered = np.random.default_rng([n, skewed]), dict.fromkeys((*NAMES, "difference", "g_ppc", "g"), 0.0)
    for seed in range(8):
        lasting, before, after = rng.normal(0, 1, (3, n, 300))
        if skewed:
            lasting, after = rng.exponential(1, (2, n, 300)) - 1
        pre, post = math.sqrt(0.5) * (lasting + before), math.sqrt(0.5) * (lasting + after)
        arm, settings = np.arange(n) < n // 2, Bootstrap(seed=seed)
        found = paired_effects(pre, post + effect, settings) | arm_effects(
            pre, post + effect * arm[:, None], arm, settings
        )
        found["g"] = group_effects(pre + effect * arm[:, None], arm, settings)["g"]
        for name in covered:
            covered[name] += np.mean((found[name].low <= effect) & (effect <= found[name].high)) / 8
    return covered


@pytest.mark.parametrize(
    ("n", "skewed", "least"),
    [(12, False, 0.875), (20, False, 0.905), (40, False, 0.925), (12, True, 0.87), (20, True, 0.89), (40, True, 0.91)],
)
def test_intervals_cover(n: int, skewed: bool, least: float) -> None:
    """Few people's intervals are too short, most of all those of plain means; standard error of a share 0.4 %."""
    covered = _covered(n, skewed=skewed)
    assert all(least < share < 0.97 for share in covered.values()), covered
    if n == 20 and not skewed:
        assert abs(covered["g_av"] - 0.945) < 0.015
        assert abs(covered["mean_change"] - 0.925) < 0.015


# Invariances


def everything(pre: np.ndarray, post: np.ndarray, arm: np.ndarray, settings: Bootstrap) -> Found:
    found = {f"paired {name}": effect for name, effect in paired_effects(pre, post, settings).items()}
    found |= {f"arms {name}": effect for name, effect in arm_effects(pre, post, arm, settings).items()}
    return found | {f"groups {name}": effect for name, effect in group_effects(post, arm, settings).items()}


SHORT = Bootstrap(n_resamples=400)


@pytest.mark.parametrize("block", [1, 3, 7, 1000])
def test_results_depend_neither_on_blocks_nor_on_other_columns(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (pre, post), arm = sessions(21, 41), arms(8, 13)
    pre[4, 17] = np.nan
    found = everything(pre, post, arm, SHORT)
    order = np.random.default_rng(1).permutation(41)
    monkeypatch.setattr(effects, "BLOCK", block)
    shuffled = everything(pre[:, order], post[:, order], arm, SHORT)
    assert_equal(shuffled, {name: Effect(e.estimate[order], e.low[order], e.high[order]) for name, e in found.items()})
    alone = everything(pre[:, 5:6], post[:, 5:6], arm, SHORT)
    assert_equal(alone, {name: Effect(e.estimate[5:6], e.low[5:6], e.high[5:6]) for name, e in found.items()})


def test_results_are_seeded() -> None:
    (pre, post), arm = sessions(21), arms(8, 13)
    assert_equal(everything(pre, post, arm, SHORT), everything(pre.copy(), post.copy(), arm.copy(), SHORT))
    other = everything(pre, post, arm, Bootstrap(n_resamples=400, seed=2))
    for name, effect in everything(pre, post, arm, SHORT).items():
        np.testing.assert_array_equal(effect.estimate, other[name].estimate)
        assert (effect.low != other[name].low).all()


@pytest.mark.parametrize("factor", [1e-100, 1e-6, 3.0, 1e9, 1e100])
def test_the_unit_scales_plain_effects_only(factor: float) -> None:
    (pre, post), arm = sessions(21), arms(8, 13)
    plain = everything(pre, post, arm, SHORT)
    scaled = everything(pre * factor, post * factor, arm, SHORT)
    assert_close(scaled, plain, lambda name: factor if name.endswith(("change", "difference")) else 1.0, rtol=1e-10)


def test_a_huge_offset_loses_no_digits() -> None:
    """On a grid of 2^-20 an offset of 2^30 is exact, so that only the arithmetic can lose digits."""
    (pre, post), arm = sessions(21), arms(8, 13)
    pre, post = (np.round(values * 2**20) / 2**20 for values in (pre, post))
    near, far = everything(pre, post, arm, SHORT), everything(pre + 2.0**30, post + 2.0**30, arm, SHORT)
    assert_close(far, near, rtol=1e-12)


def test_swapped_sessions_and_arms_mirror_the_interval() -> None:
    (pre, post), arm = sessions(20), np.arange(20) < 10
    forth, back = paired_effects(pre, post, SHORT), paired_effects(post, pre, SHORT)
    down = arm_effects(-pre, -post, arm, SHORT)
    up = arm_effects(pre, post, arm, SHORT)
    for one, other in ((forth, back), (up, down)):
        for name in one:
            np.testing.assert_allclose(one[name].estimate, -other[name].estimate, **CLOSE)
            np.testing.assert_allclose(one[name].low, -other[name].high, **CLOSE)
            np.testing.assert_allclose(one[name].high, -other[name].low, **CLOSE)
    swapped = arm_effects(pre, post, ~arm, SHORT)
    for name in up:
        np.testing.assert_allclose(up[name].estimate, -swapped[name].estimate, **CLOSE)


def test_the_order_of_participants_changes_draws_but_no_estimate() -> None:
    (pre, post), arm = sessions(21), arms(8, 13)
    order = np.random.default_rng(3).permutation(21)
    one, other = everything(pre, post, arm, SHORT), everything(pre[order], post[order], arm[order], SHORT)
    for name in one:
        np.testing.assert_allclose(one[name].estimate, other[name].estimate, **CLOSE)
        assert (one[name].low != other[name].low).any()
    apart = np.argsort(~arm, kind="stable")
    assert_close(arm_effects(pre[apart], post[apart], arm[apart], SHORT), arm_effects(pre, post, arm, SHORT))


@pytest.mark.parametrize("convert", ["float32", "order", "file"])
def test_any_array_will_do(convert: str, tmp_path: Path) -> None:
    (pre, post), arm = (values.astype(np.float32) for values in sessions(21)), arms(8, 13)
    expected = everything(pre.astype(float), post.astype(float), arm, SHORT)
    if convert == "order":
        pre, post = np.asfortranarray(pre, dtype=float), np.asfortranarray(post, dtype=float)
    elif convert == "file":
        np.save(tmp_path / "pre.npy", pre)
        pre = np.load(tmp_path / "pre.npy", mmap_mode="r")
    assert_equal(everything(pre, post, arm.astype(int), SHORT), expected)


# Where effects are undefined


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("session", [0, 1])
def test_a_missing_value_is_carried(value: float, session: int) -> None:
    both, arm = sessions(21), arms(8, 13)
    whole = everything(*both, arm, SHORT)
    both[session][3, 2] = value
    for name, effect in everything(*both, arm, SHORT).items():
        for field in ("estimate", "low", "high"):
            found = getattr(effect, field)
            if not (name.startswith("groups") and session == 0):
                np.testing.assert_array_equal(np.isnan(found), np.arange(5) == 2)
            np.testing.assert_array_equal(np.delete(found, 2), np.delete(getattr(whole[name], field), 2))


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3, 1e6])
@pytest.mark.parametrize("change", [0.0, 0.3])
def test_without_variance_there_is_no_effect(value: float, change: float) -> None:
    (pre, post), arm = sessions(21), arms(8, 13)
    pre[:, 1], post[:, 1] = value, value + change
    post[:, 3] = pre[:, 3] + change
    for name, effect in everything(pre, post, arm, SHORT).items():
        missing = np.isin(np.arange(5), [1] if name.startswith("groups") else [1, 3])
        for field in ("estimate", "low", "high"):
            np.testing.assert_array_equal(np.isnan(getattr(effect, field)), missing)


def test_a_session_without_variance_leaves_what_is_defined() -> None:
    (pre, post), arm = sessions(21), arms(8, 13)
    pre[:] = 0.1
    found = everything(pre, post, arm, SHORT)
    for name, effect in found.items():
        defined = name not in ("paired g_rm", "arms g_ppc")
        for field in ("estimate", "low", "high"):
            assert (np.isfinite(getattr(effect, field)) == defined).all(), name
    g_av = j(20) * (post.mean(axis=0) - 0.1) / (post.std(axis=0, ddof=1) / math.sqrt(2))
    np.testing.assert_allclose(found["paired g_av"].estimate, g_av, **CLOSE)


def test_a_perfect_correlation_has_no_g_rm_interval_or_a_tiny_one() -> None:
    """If everyone's value doubles, r = 1 and d_rm is 0 whatever the change; rounding leaves 8 digits of it."""
    pre = sessions(21)[0] + 3
    found = paired_effects(pre, 2 * pre, SHORT)
    assert np.abs(found["g_rm"].estimate).max() < 1e-6
    assert np.isfinite(found["g_av"].low).all()


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_a_handful_of_participants_gives_numbers_or_nan(n: int) -> None:
    found = paired_effects(*sessions(n, 50), Bootstrap())
    for name, effect in found.items():
        inside = np.isfinite(effect.low)
        assert (inside == np.isfinite(effect.high)).all()
        assert (effect.low[inside] < effect.high[inside]).all()
        assert np.isfinite(effect.estimate).all() == (n > 2 or (n == 2 and name == "mean_change"))
    assert np.isnan(found["g_av"].low).all() == (n <= 3)


def test_an_arm_of_one_has_no_interval() -> None:
    (pre, post), arm = sessions(9), np.arange(9) == 4
    for effect in arm_effects(pre, post, arm, SHORT).values():
        assert np.isfinite(effect.estimate).all()
        assert np.isnan(effect.low).all()
        assert np.isnan(effect.high).all()


def test_no_columns_give_nothing() -> None:
    for effect in everything(np.empty((8, 0)), np.empty((8, 0)), np.arange(8) < 4, SHORT).values():
        assert effect.estimate.shape == effect.low.shape == effect.high.shape == (0,)


def test_the_estimate_lies_in_its_interval() -> None:
    for n in (8, 12, 30):
        for effect in everything(*sessions(n, 300, skewed=True), arms(n // 2, n - n // 2), Bootstrap()).values():
            assert ((effect.low < effect.estimate) & (effect.estimate < effect.high)).mean() > 0.99
