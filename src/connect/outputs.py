"""Every file that the workflow writes, with its columns or keys: what they mean, and in which unit.

The paths are those of the rules. What a stage writes with a description beside it is described in the stage's module;
what is described nowhere else is described here. The reference page is made from both, and a test holds them to what a
run really writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connect.assess import EDGE_COLUMNS
from connect.challenge.rates import RATE_COLUMNS
from connect.compare.levels import all_columns
from connect.compare.networks import COMPONENT_COLUMNS
from connect.compare.nulls import NULL_COLUMNS
from connect.compare.results import LABEL_COLUMNS
from connect.denoise.stack import ROWS
from connect.errors import UserError
from connect.people import RATE
from connect.relate import SLOPE_COLUMNS
from connect.screen import COLUMNS as SCAN_COLUMNS
from connect.tables import WORDS, Column

_RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r"^    output:\n(.*?)(?=^    \w|\Z)", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r'^        (\w+)=(?:\w+\(\s*)*"((?:results|figures)/[^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Output:
    """A file that the workflow writes.

    Attributes
    ----------
    about
        What it is, and what a row of it is.
    columns
        Its columns, or the keys of a record. A name in angle brackets stands for several, which choices name.
    name
        Its name, where the rule's output is a folder; braces stand for what differs.
    beside
        Whether a JSON file beside it describes its columns.
    """

    about: str
    columns: Mapping[str, Column] = field(default_factory=dict)
    name: str = ""
    beside: bool = False


PARCELS = {"<parcel>": Column("a column for each parcel, by its name", "0 to 1")}
SIGNALS = {
    "framewise_displacement": Column("framewise displacement of the volume, from the confounds of fMRIPrep", "mm"),
    "dvars": Column("root mean square over voxels of the change from the volume before", "units of the image"),
    "std_dvars": Column("the same over its expectation", "1 is expected of noise alone"),
}
PARCEL_COVERAGE = {
    "index": Column("number of the parcel in the parcels table", "number"),
    "name": Column("name of the parcel", WORDS),
    "coverage": Column("share of the parcel that is in the brain mask and has data", "0 to 1"),
    "n_voxels": Column("voxels that the series is made of", "voxels"),
    "tsnr": Column("temporal signal-to-noise ratio, mean over these voxels", "ratio"),
}
SERIES_RECORD = {
    "Description": Column("what rows and columns are", WORDS),
    "Units": Column("unit of the series", WORDS),
    "Sources": Column("name of the image", WORDS),
    "Atlas": Column("title of the atlas", WORDS),
    "Method": Column("how voxels became a series", WORDS),
}
GATHERED = {
    "scan": SCAN_COLUMNS["scan"],
    "raw": Column("first 16 digits of the SHA-256 of what parcellate made of the scan", WORDS),
    "confounds": Column("first 16 digits of the SHA-256 of its confounds", WORDS),
}
SCAN_RECORD = {
    **{name: SCAN_COLUMNS[name] for name in ("n_volumes", "mean_fd", "max_fd", "fd_above_02", "fd_above_05")},
    **{name: SCAN_COLUMNS[name] for name in ("mean_dvars", "max_std_dvars", "tsnr")},
    "voxel_size": Column("length of a voxel along each axis", "mm"),
    "unusable": Column("null; of an unusable scan where, what must be, what was got, what to do", WORDS),
}
MISSING_PARCELS = {
    "scan": SCAN_COLUMNS["scan"],
    "parcel": Column("parcel that is missing in it", WORDS),
    "coverage": Column("its covered share; n/a if cleaning left no signal", "0 to 1"),
}
ESTIMATED_EDGES = {
    "edge": Column("column of the connectomes", "counted from 0"),
    "a": Column("parcel", WORDS),
    "b": Column("parcel", WORDS),
}
CHOSEN = {
    "atlas": Column("atlas", WORDS),
    "strategy": Column("denoising strategy", WORDS),
    "measure": Column("measure", WORDS),
}
MOTION_LEFT = {
    **CHOSEN,
    "title": Column("title of the strategy", WORDS),
    "n_scans": Column("scans of the cohort", "scans"),
    "n_kept": Column("kept scans", "scans"),
    "n_participants": Column("participants with a kept scan", "participants"),
    "minutes": Column("time left: `mean` over participants with `ci_low`, `ci_high` (95 % t interval), `n`", "min"),
    "tdof": Column("temporal degrees of freedom left, likewise", "degrees of freedom"),
    "fd_dvars": Column(
        "correlation within scans of displacement with change of the cleaned series, likewise", "-1 to 1"
    ),
    "level": Column(
        "QC-FC over participants: `n`, `n_edges`, `reason`; `median_abs_r`, `share` and `distance`, each with "
        "`_chance` (median over permutations), `_low`, `_high` (central 95 %) and `_p`",
        "r; share 0 to 1",
    ),
    "change": Column("the same of changes", "r; share 0 to 1"),
}
QUANTITIES = {
    "between": Column("mean of the edges between emotion and cognition", "that of the measure"),
    "within_emotion": Column("mean of the edges within emotion", "that of the measure"),
    "within_cognition": Column("mean of the edges within cognition", "that of the measure"),
    "segregation": Column("(within - between) / within", "ratio"),
}
OF_MODEL = "that of the participants table or the phenotype"
VALUES = {
    "participant_id": SCAN_COLUMNS["participant_id"],
    "session_id": SCAN_COLUMNS["session_id"],
    "phase": Column("pre or post, as the cohort file says", WORDS),
    "condition": Column("condition of the session, as the cohort file says", WORDS),
    "n_runs": Column("kept runs that were averaged", "runs"),
    "mean_fd": Column("mean framewise displacement of these runs", "mm"),
    "<column of the model>": Column("arms, covariates and phenotypes that the model names", OF_MODEL),
    "analysed": Column("whether the participant is analysed (yes or no)", WORDS),
    **QUANTITIES,
    "<statistic>": Column("statistics of the plan, by name", "its `unit`"),
}
PEOPLE = {
    "participant_id": SCAN_COLUMNS["participant_id"],
    "<column of the model>": Column("arms, covariates and phenotypes that the model names", OF_MODEL),
    "fd_change": Column("change in mean framewise displacement, post minus pre", "mm", "models of change"),
    "mean_fd": Column("mean framewise displacement over the sessions in use", "mm", "other models"),
    "analysed": Column("whether the participant is analysed (yes or no)", WORDS),
    "reason": Column("why not", WORDS),
    RATE[0]: Column("own slope of `between` over weeks", "that of the measure, per week", "models of rates or weeks"),
    RATE[1]: Column("lower bound of it", "that of the measure, per week", "models of weeks"),
    RATE[2]: Column("upper bound of it", "that of the measure, per week", "models of weeks"),
}
SUMMARY = {
    **CHOSEN,
    "model": Column("model", WORDS),
    "question": Column("question, as the model asks it", WORDS),
    "formula": Column("formula", WORDS),
    "contrast": Column("contrast", WORDS),
    "outcome": Column("value that each participant gives", WORDS),
    "relation": Column("column of the phenotype whose slope is asked, or empty", WORDS),
    "correlation": Column("way to correlate", WORDS),
    "columns": Column("columns of the design", WORDS),
    "condition": Column("condition, or empty", WORDS),
    "confidence": Column("level of the intervals", "0 to 1"),
    "alpha": Column("level of the tests", "0 to 1"),
    "n": Column("participants analysed", "participants"),
    "n_sessions": Column("their sessions, in a mixed model; else null", "sessions"),
    "n_not_analysed": Column("participants left out, those whom `where` leaves out too", "participants"),
    "method": Column("test, as the key `test` of a model names it", WORDS),
    "exchangeability": Column("what was rearranged", WORDS),
    "arrangements": Column("how often, the observed arrangement included", "arrangements"),
    "enumerated": Column("whether these are all there are (true or false)", WORDS),
    "primary": Column("the row `between` of `domains.tsv`", "those of the columns there"),
    "gate": Column("`open` if the primary p is at most `alpha`, else `closed`", WORDS),
    "significant": Column("rows of each level with `p_fwe` of at most `alpha`", "rows"),
    "tested": Column("rows of each level that were tested", "rows"),
    "arm_column": Column("column of the arms, or empty", WORDS),
    "arms": Column(
        "of each arm `n`, `mean_change` with `ci_low` and `ci_high`, `mean_fd_change` with `_low` and `_high`; not "
        "adjusted for anything",
        "that of the measure; mm",
    ),
    "statistics": Column("name, title, unit, words, source, function and digest of each statistic of the plan", WORDS),
    "variances": Column("relative variance of each arm, mean over edges", "ratio"),
    "cautions": Column("what makes the tests less sure than they say, a sentence each", WORDS),
    "motion": Column("the same test of the change in mean framewise displacement; `flag` is a sentence or null", "mm"),
    "rates": Column(
        "of plasticity rates `n`, `mean`, `sd`, `reliability` with bounds, `detectable`, `df`, `reason`; else null",
        "that of the measure, per week",
    ),
    "untested": Column(
        "null, or why nothing was tested because too few participants are left: `where`, `must`, `got`, `todo`", WORDS
    ),
    "unit": Column("unit of the measure", WORDS),
    "phenotypes": Column(
        "of each phenotype's column `phenotype`, `moment`, `title`, `unit`, `higher`, `words` and `source`", WORDS
    ),
}
RELATED = {
    **SUMMARY,
    "region": Column(
        "where on the moderator the effect is significant (`moderator`, `ranges`, `share` of participants); else null",
        "that of the moderator",
    ),
}
PHENOTYPE = {
    "participant_id": SCAN_COLUMNS["participant_id"],
    "session_id": SCAN_COLUMNS["session_id"],
    "value": Column("value that models use", "`unit` of the record beside it"),
    "measured": Column(
        "the same before the limit of detection was treated and before any logarithm", "`Units` in the record beside it"
    ),
    "note": Column("why a value is missing, or how it was treated", WORDS),
}
PHENOTYPE_RECORD = {
    "name": Column("name of the phenotype", WORDS),
    "variable": Column("name of its columns in models", WORDS),
    "title": Column("title", WORDS),
    "unit": Column("unit of the values", WORDS),
    "higher": Column("what a higher value means", WORDS),
    "n": Column("participants with a value", "participants"),
    "n_sessions": Column("participants with a value in each session", "participants"),
    "n_below_limit": Column("values below the limit of detection", "values"),
    "words": Column("how the values were made", WORDS),
    "source": Column("source of the instrument", WORDS),
    "columns": Column("description and unit of each column of the table", WORDS),
}
TRUST = {
    "model": Column("model", WORDS),
    "calibration": Column("calibration", WORDS),
    "question": Column("question of the model", WORDS),
    "n": Column("participants", "participants"),
    "alpha": Column("level of the tests", "0 to 1"),
    "method": Column("the model's own test", WORDS),
    "sets": Column("data sets of each scenario", "data sets"),
    "permutations": Column("rearrangements of each data set", "arrangements"),
    "parcels": Column("parcels whose edges were tested", "parcels"),
    "edges": Column("edges that were tested", "edges"),
    "trusted": Column(
        "of each test and correction the verdict over all scenarios, and the worst of them", "rates, 0 to 1"
    ),
    "refused": Column("tests that a scenario does not allow, with the reason", WORDS),
    "skipped": Column("scenarios that the design does not have, with the reason", WORDS),
}
_DOMAINS = Output(
    "a row per domain-level quantity, the primary one first, then the statistics of the plan",
    {**LABEL_COLUMNS["domain"], **all_columns("domain")},
    beside=True,
)
_NETWORKS = Output("a row per pair of networks", {**LABEL_COLUMNS["network"], **all_columns("network")}, beside=True)
_EDGES = Output("a row per pair of parcels", {**LABEL_COLUMNS["edge"], **all_columns("edge")}, beside=True)
_COMPONENTS = Output(
    "a row per connected component of at least two edges, the surest first", COMPONENT_COLUMNS, beside=True
)
_NULLS = Output("a row per arrangement of the participants, the observed one first", NULL_COLUMNS, beside=True)
_VALUES = Output("a row per participant and session with a kept scan, analysed or not", VALUES)
_PEOPLE = Output("a row per participant of the participants table, then those who have scans and no row there", PEOPLE)
_TESTS = {
    "domain_tests": _DOMAINS,
    "network_tests": _NETWORKS,
    "edge_tests": _EDGES,
    "components": _COMPONENTS,
    "nulls": _NULLS,
    "values": _VALUES,
    "people": _PEOPLE,
}

OUTPUTS: Mapping[str, Mapping[str, tuple[Output, ...]]] = {
    "parcellate": {
        "series": (
            Output(
                "raw series: a row per volume, a column per parcel; n/a where no voxel has data",
                {"<parcel>": Column("mean of the parcel", "units of the image")},
                name="{scan}_atlas-{atlas}_stat-mean_timeseries.tsv",
            ),
            Output("how the series were made", SERIES_RECORD, name="{scan}_atlas-{atlas}_stat-mean_timeseries.json"),
            Output("a row per parcel", PARCEL_COVERAGE, name="{scan}_atlas-{atlas}_stat-coverage_bold.tsv"),
            Output("a row per volume", SIGNALS, name="{scan}_desc-qc_timeseries.tsv"),
            Output(
                "some voxels, evenly spaced over the brain: a row per volume",
                {"<voxel>": Column("a column for each voxel, from `voxel1`", "SD of the voxel")},
                name="{scan}_desc-carpet_bold.tsv",
            ),
            Output(
                "quality of the scan in numbers; all null but `unusable` for an unusable scan, which has no other file",
                SCAN_RECORD,
                name="{scan}_desc-qc_bold.json",
            ),
        )
    },
    "gather": {"gathered": (Output("a row per scan: a change of it makes the stages after run again", GATHERED),)},
    "denoise": {
        "series": (Output("cleaned series of all scans, one below the other: volumes x parcels, float32"),),
        "volumes": (
            Output(
                "which volume each row of the series is",
                {"volume": Column("volume of its scan", "counted from 0")},
            ),
        ),
        "rows": (Output("a row per scan", {name: SCAN_COLUMNS[name] for name in ROWS}),),
        "coverage": (Output("covered shares: a row per scan, in the order of `scans.tsv`", PARCELS),),
    },
    "screen": {
        "kept": (Output("a row per scan, kept or not", SCAN_COLUMNS, beside=True),),
        "lost": (Output("a row per missing parcel of a kept scan", MISSING_PARCELS),),
    },
    "estimate": {
        "connectomes": (
            Output("kept scans x edges, float32, in the unit of the measure; NaN where a parcel is missing"),
        ),
        "scans": (
            Output(
                "names the rows of the connectomes: a row per kept scan",
                {
                    name: column
                    for name, column in SCAN_COLUMNS.items()
                    if name not in ("start", "stop", "kept", "reason", "unusable")
                },
            ),
        ),
        "edges": (Output("names the columns of the connectomes: a row per edge", ESTIMATED_EDGES),),
    },
    "assess": {
        "edge_table": (Output("a row per edge", EDGE_COLUMNS, beside=True),),
        "summary": (Output("motion left, and what denoising cost", MOTION_LEFT),),
    },
    "phenotypes": {
        "values": (Output("a row per participant of the participants table and session of the cohort", PHENOTYPE),),
        "record": (Output("what the values are, and how they were made", PHENOTYPE_RECORD),),
    },
    "compare": {
        **{name: (output,) for name, output in _TESTS.items()},
        "summary": (Output("what was asked and found", SUMMARY),),
    },
    "relate": {
        **{name: (output,) for name, output in _TESTS.items()},
        "slopes": (
            Output(
                "a row per quantity and arm (or value of the moderator), where a slope is compared; else no rows",
                SLOPE_COLUMNS,
                beside=True,
            ),
        ),
        "summary": (Output("what was asked and found", RELATED),),
    },
    "challenge": {
        "table": (Output("a row per scenario, test and correction", RATE_COLUMNS, beside=True),),
        "summary": (Output("which test to trust", TRUST),),
        "answer": (Output("the same in lines of text"),),
    },
    "draw": {
        "svg": (Output("the figure for the web, with text as paths"),),
        "pdf": (Output("the figure for journals, with fonts that can be edited"),),
        "png": (Output("the figure for slides, 300 dots per inch"),),
    },
    "compose": {
        "svg": (Output("one figure, or panels put together, for the web"),),
        "pdf": (Output("the same for journals"),),
        "png": (Output("the same for slides"),),
    },
    "carpets": {
        "pictures": tuple(
            Output(f"the picture of a scan, kept or not, {use}", name=f"{{scan}}.{kind}")
            for kind, use in (("svg", "for the web"), ("pdf", "for journals"), ("png", "small, for the report"))
        ),
    },
    "report": {
        "page": (Output("one page that loads nothing from anywhere"),),
        "answer": (Output("the answer, who was analysed, what was left out and why, what to look at first"),),
        "text": (Output("the methods of the report as Markdown"),),
        "bibliography": (Output("what the methods cite, as BibTeX"),),
    },
}
"""What every output of every rule holds."""


def paths(rules: Path) -> dict[str, dict[str, str]]:
    """Return the path of every output under `results/` or `figures/` of every rule, by the names of rule and output.

    Parameters
    ----------
    rules
        Folder of the rule files.

    Raises
    ------
    UserError
        If the folder has no rule with such an output.
    """
    found: dict[str, dict[str, str]] = {}
    for file in sorted(rules.glob("*.smk")):
        for name, body in _RULE.findall(file.read_text(encoding="utf-8")):
            named = dict(pair for part in _OUTPUT.findall(body) for pair in _NAMED.findall(part))
            found |= {name: named} if named else {}
    if not found:
        must = "rule files with outputs under results/ or figures/"
        raise UserError(rules, must, "none", "run it in the folder of the project")
    return found


def files(rules: Path) -> Iterator[tuple[str, str, Output]]:
    """Yield rule, path (with the wildcards of the rule in braces) and description of every file.

    Raises
    ------
    UserError
        If a rule has an output that is not described, or one is described that no rule has.
    """
    found = paths(rules)
    ours = {(rule, name) for rule, outputs in OUTPUTS.items() for name in outputs}
    theirs = {(rule, name) for rule, outputs in found.items() for name in outputs}
    if ours != theirs:
        got = ", ".join(f"{rule}.{name}" for rule, name in sorted(ours ^ theirs))
        raise UserError(
            rules, "outputs that connect.outputs describes, and no others", got, "describe the output there"
        )
    for rule, outputs in OUTPUTS.items():
        for name, described in outputs.items():
            for output in described:
                yield rule, "/".join(part for part in (found[rule][name], output.name) if part), output
