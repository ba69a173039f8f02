"""A model's question put to any outcome: estimates with intervals, and tests by the method that fits the design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from connect.columns import Values
from connect.design import Asked, Design, asked, design
from connect.errors import UserError
from connect.formulas import groups, has_baseline, motion_of
from connect.inference import Arrangements, Fit, Tested, fdr, fit, fit_together, permutation_test
from connect.inference.ancova import ancova_test, fit_ancova, with_own
from connect.inference.correlation import Correlation, Kind, partial_correlation, transformed, transformed_rows
from connect.inference.mixed import f_test_mixed, fit_mixed, orthonormal, variance_ratio
from connect.inference.mixed_test import mixed_test
from connect.inference.permutation import Listener
from connect.inference.repeated import repeated_design
from connect.inference.rows import space
from connect.inference.unequal import unequal_fit, unequal_test, variance_ratios
from connect.methods import METHODS, arm_column, labels_of, method_of
from connect.settings.model import RANKED, Model, words_of


@dataclass(frozen=True)
class Family:
    """Columns that are corrected together: outcome ``(n_rows, n_columns)`` and, as a covariate, the value before."""

    outcome: Values
    before: Values | None = None


@dataclass(frozen=True)
class Question:
    """A model over its rows.

    Parameters
    ----------
    model
        Formula, contrast and settings.
    rows
        One row per row of the model.
    asked
        Design matrix and contrast.
    design
        The same for rearrangements.
    method
        Key of :data:`connect.methods.METHODS`.
    """

    model: Model
    rows: pd.DataFrame
    asked: Asked
    design: Design
    method: str

    @property
    def n(self) -> int:
        """Number of participants."""
        return int(self.rows["participant_id"].nunique())

    @property
    def df(self) -> int:
        """Residual degrees of freedom in a model without random effects."""
        return self.design.df - has_baseline(self.model)

    @property
    def arrangements(self) -> Arrangements:
        """What is rearranged; participants with values before of their own are not interchangeable."""
        own = has_baseline(self.model) and self.method == "residuals"
        return Arrangements(with_own(self.design) if own else self.design, self.model.permutations, self.model.seed)

    @property
    def n_effective(self) -> float:
        """What makes t the standardised estimate times its root; of a slope, for one standard deviation."""
        effect = space(self.design).residuals(self.design.effect)[:, 0]
        return float(effect @ effect) / self.asked.scale**2

    @property
    def arm(self) -> np.ndarray | None:
        """1 and -1 in the rows of the two arms that are compared, 0 in others ``(n_rows,)``; None without two."""
        if not self.asked.levels:
            return None
        first, second = (self.rows[self.asked.arms].astype(str) == level for level in self.asked.levels)
        return first.to_numpy().astype(float) - second.to_numpy()

    @property
    def arm_column(self) -> str:
        """Column of the arms that may vary differently: those that are compared, or the only groups; empty if none."""
        return arm_column(self.model, self.asked, self.rows)

    @property
    def slope(self) -> bool:
        """Whether the contrast is one slope of a numeric column, with the same columns in every row's design."""
        names = self.model.contrast.strip().split(" : ")
        numeric = any(name in self.rows and name not in groups(self.rows, self.model) for name in names)
        return numeric and len(self.asked.contrast) == 1 and self.method != "mixed"

    def correlated(self, values: Values) -> Values:
        """Return values ``(n_rows, n_columns)`` as the model correlates them: as they are, as ranks, or bent."""
        return transformed(values, _kind(self.model))

    @property
    def together(self) -> bool:
        """Whether the contrast has several rows, tested together by F."""
        return len(self.asked.contrast) > 1

    def evaluate(
        self, families: Sequence[Family], listeners: Sequence[Listener] = (), first: Sequence[Listener] = ()
    ) -> list[tuple[Fit, Tested]]:
        """Estimate and test the contrast in families of columns, each corrected by itself.

        Parameters
        ----------
        families
            Outcomes, with the values before if they are a covariate. Where arms may vary differently, the last family
            tells how their ratio scatters over columns.
        listeners
            Hear the statistics of the last family.
        first
            Hear those of the first.
        """
        return list(zip(self.estimated(families), self.tested(families, listeners, first), strict=True))

    def estimated(self, families: Sequence[Family]) -> list[Fit]:
        """Estimate the contrast in families of columns."""
        families = self._correlated(families)
        if self.method == "unequal":
            outcomes = [family.outcome for family in families]
            return unequal_fit(outcomes, self.design, self._arms, self.model.confidence)
        return [self._fit(family) for family in families]

    def tested(
        self, families: Sequence[Family], listeners: Sequence[Listener] = (), first: Sequence[Listener] = ()
    ) -> list[Tested]:
        """Test the contrast in families of columns; see :meth:`evaluate`."""
        families = self._correlated(families)
        if self.method == "unequal":
            outcomes, model = [family.outcome for family in families], self.model
            return unequal_test(outcomes, self.design, self._arms, model.permutations, model.seed, listeners, first)
        heard = [tuple(first), *(() for _ in families[1:])]
        heard[-1] += tuple(listeners)
        return [self._test(family, hear) for family, hear in zip(families, heard, strict=True)]

    def correlation(self, outcome: Values) -> Correlation:
        """Return the partial correlation of an outcome ``(n_rows, n_columns)`` with the column whose slope is asked."""
        return partial_correlation(outcome, self.design, _kind(self.model), self.model.confidence)

    def _correlated(self, families: Sequence[Family]) -> list[Family]:
        return [
            Family(self.correlated(one.outcome), None if one.before is None else self.correlated(one.before))
            for one in families
        ]

    def _fit(self, family: Family) -> Fit:
        if self.method == "mixed":
            return self._mixed(np.asarray(family.outcome))
        if family.before is not None:
            return fit_ancova(family.outcome, family.before, self.design, self.model.confidence)
        return (fit_together if self.together else fit)(family.outcome, self.design, self.model.confidence)

    def _test(self, family: Family, listeners: Sequence[Listener]) -> Tested:
        n, seed, labels = self.model.permutations, self.model.seed, self.method == "labels"
        if self.method == "mixed":
            return self._mixed_tests(np.asarray(family.outcome), listeners)
        if family.before is not None:
            before = family.before
            return ancova_test(family.outcome, before, self.design, n, seed, labels=labels, listeners=listeners)
        return permutation_test(family.outcome, self.design, n, seed, labels=labels, listeners=listeners)

    @property
    def _arms(self) -> np.ndarray:
        """Arm of each row ``(n_rows,)``."""
        return labels_of(self.rows, self.arm_column)

    def variances(self, edges: Values) -> dict[str, float] | None:
        """Return each arm's variance of the edges ``(n_rows, n_edges)``, relative to all; None if they are not told."""
        if self.method != "unequal":
            return None
        return variance_ratios(edges, self.design, self._arms)

    def counted(self, arrangements: int) -> str:
        """Return in words how p-values are counted and corrected."""
        what, many = METHODS[self.method], f"{arrangements:,}"
        text = f"all {many} {what}" if self.arrangements.enumerated else f"{many} random {what}"
        p = "p: t with Satterthwaite's degrees of freedom; p_fwe: " if self.method == "mixed" else ""
        return f"{p}largest {'F' if self.together else '|t|'} over {text}"

    def _mixed(self, values: np.ndarray) -> Fit:
        people, made = self.rows["participant_id"].to_numpy(), self.asked
        found = fit_mixed(values, made.matrix, people, made.contrast[0], self.model.confidence)
        if self.together:
            joint = f_test_mixed(values, made.matrix, people, orthonormal(made.contrast, made.matrix))
            blank = np.full(joint.statistic.shape, np.nan)
            return Fit(blank, blank, blank, joint.statistic, blank, blank, blank, blank, joint.df_den)
        sd = np.sqrt(found.variance_between + found.variance_within)
        scaled = (found.estimate / sd, found.low / sd, found.high / sd)
        return Fit(found.estimate, found.low, found.high, found.t, *scaled, found.se, found.df)

    def _mixed_tests(self, values: np.ndarray, listeners: Sequence[Listener]) -> Tested:
        people, made = self.rows["participant_id"].to_numpy(), self.asked
        if self.together:
            p = f_test_mixed(values, made.matrix, people, orthonormal(made.contrast, made.matrix)).p
        else:
            p = fit_mixed(values, made.matrix, people, made.contrast[0], self.model.confidence).p
        n, seed, ratio = self.model.permutations, self.model.seed, variance_ratio(values, self.design.nuisance, people)
        tested = mixed_test(values, self.design, people, np.where(np.isnan(p), np.nan, ratio), n, seed, listeners)
        return replace(tested, p=p, q_fdr=fdr(p))


def question(rows: pd.DataFrame, model: Model, where: object) -> Question:
    """Return the question of a model over its rows.

    Raises
    ------
    UserError
        If values are to be ranked or bent for a contrast that is no slope, or what :func:`connect.design.asked` and
        :func:`connect.methods.method_of` raise.
    """
    if model.correlation == "repeated":
        return _within_participants(rows, model, where)
    names = [name for name in (*words_of(model.formula), motion_of(model)) if name in rows]
    shown = transformed_rows(rows, names, _kind(model))
    made, arranged = asked(shown, model, where), design(shown, model, where)
    if model.outcome == "sessions":
        blocks = rows[model.whole_block or "participant_id"].to_numpy()
        arranged = replace(arranged, flips=True, blocks=blocks, whole=True)
    found = Question(model, rows, made, arranged, method_of(model, made, rows, where))
    if model.correlation in RANKED and not found.slope:
        must = f"one numeric column whose slope is tested at once, for `{model.correlation}`"
        got = f"`{model.contrast}`{f', condition `{model.condition}`' if model.condition else ''}"
        raise UserError(f"{where}, key contrast", must, got, "take `correlation` out, or ask one question at a time")
    return found


def _within_participants(rows: pd.DataFrame, model: Model, where: object) -> Question:
    """Return the question of a correlation within participants, each of whom has a level of their own."""
    made = asked(rows, model, where)
    name = model.contrast.strip()
    if name not in made.columns or name not in rows:
        must = "one numeric column for `correlation: repeated`"
        raise UserError(f"{where}, key contrast", must, model.contrast, "name the measure alone")
    others = [column for column in made.columns if column not in ("Intercept", name)]
    covariates = made.matrix[:, [made.columns.index(column) for column in others]]
    measure = rows[name].to_numpy(dtype=np.float64)
    arranged = repeated_design(measure, rows["participant_id"].to_numpy(), covariates, (name, *others), where)
    if model.whole_block:
        arranged = replace(arranged, blocks=rows[model.whole_block].to_numpy())
    matrix = np.column_stack([arranged.effect, arranged.nuisance])
    weights = np.eye(1, matrix.shape[1])
    found = Asked(matrix, (name, *others), weights, "", scale=float(measure.std(ddof=1)))
    return Question(model, rows, found, arranged, "repeated")


def _kind(model: Model) -> Kind:
    """Return what is correlated; within participants it is the values as they are."""
    return "pearson" if model.correlation == "repeated" else model.correlation
