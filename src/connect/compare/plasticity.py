"""Plasticity rates of the participants: how fast the primary quantity of each changes, and how well that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from connect.inference.rates import NO_RESIDUAL, rates
from connect.outcome import Outcome
from connect.people import RATE
from connect.settings.model import Model, words_of


def plasticity(outcome: Outcome, values: np.ndarray, model: Model) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    """Return the participants with their rates, and what is known of these; nothing new in a model without times.

    Parameters
    ----------
    outcome
        Rows of the model, and the participants.
    values
        Primary quantity of every session ``(n_sessions,)``.
    model
        A model of the rate, or of all sessions over weeks.

    Returns
    -------
    tuple
        The participants, and a record: how many have a rate (`n`), `mean` and `sd` of the rates, their `reliability`
        over participants with its bounds, the minimal detectable rate of one participant (`detectable`, the median over
        participants; their sessions lie at different times), residual degrees of freedom (`df`), and the `reason` why
        an error is not known.
    """
    own = outcome.of(values[:, None])
    if model.outcome == "rate" and outcome.rows["part"].max() == 0:
        found = pd.DataFrame({"participant_id": outcome.rows["participant_id"], RATE[0]: own[:, 0]})
        return _joined(outcome, found), _record(own[:, 0], reason=NO_RESIDUAL)
    if model.outcome != "sessions" or "weeks" not in words_of(model.formula):
        return outcome.people, None
    weeks, participants = (outcome.rows[name].to_numpy() for name in ("weeks", "participant_id"))
    made = rates(own, weeks.astype(np.float64), participants, model.confidence)
    columns = dict(zip(RATE, (made.rate[:, 0], made.low[:, 0], made.high[:, 0]), strict=True))
    reliability = made.reliability
    record = {
        **_record(made.rate[:, 0], reason=next(filter(None, made.reasons), None) if not made.df else None),
        "reliability": float(reliability.estimate[0]),
        "reliability_low": float(reliability.low[0]),
        "reliability_high": float(reliability.high[0]),
        "detectable": float(np.nanmedian(made.detectable[:, 0])) if made.df else np.nan,
        "df": made.df,
    }
    return _joined(outcome, pd.DataFrame({"participant_id": made.participants, **columns})), record


def _record(rate: np.ndarray, reason: str | None) -> dict[str, Any]:
    known = rate[np.isfinite(rate)]
    sd = float(known.std(ddof=1)) if known.size > 1 else np.nan
    blank = dict.fromkeys(("reliability", "reliability_low", "reliability_high", "detectable"), np.nan)
    return {"n": int(known.size), "mean": float(known.mean()), "sd": sd, **blank, "df": 0, "reason": reason}


def _joined(outcome: Outcome, found: pd.DataFrame) -> pd.DataFrame:
    return outcome.people.merge(found, on="participant_id", how="left")
