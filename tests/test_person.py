"""The report of studies of the person: what stands in "Connectivity and the person", and what the methods say of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from connect import words
from connect.report import measured, relations, wording
from connect.tables import read_record, read_table, write_record

from .persons import write_phenotype
from .stages.test_report import MODELS, Page, Study, check_well_formed, make_study, section

COMMON: dict[str, Any] = {"motion_covariate": False, "permutations": 199}
OXYTOCIN: dict[str, Any] = {**COMMON, "phenotypes": ["oxytocin"], "contrast": "oxytocin_change"}
SESSIONS: dict[str, Any] = {"formula": "~ oxytocin", "contrast": "oxytocin", "outcome": "sessions"}
RELATIONS: dict[str, dict[str, Any]] = {
    "slope-of-change": {**OXYTOCIN, "question": "Does change follow <oxytocin>?", "formula": "~ oxytocin_change"},
    "moderation": {
        **COMMON, "question": "Does attachment tell who responds?", "formula": "~ group * anxiety_pre",
        "contrast": "group[training] - group[waiting] : anxiety_pre", "phenotypes": ["anxiety"], "test": "residuals",
    },
    "ranks": {**OXYTOCIN, "question": "Ranks?", "formula": "~ oxytocin_change + anxiety_pre",
              "phenotypes": ["oxytocin", "anxiety"], "correlation": "spearman"},
    "bent": {**OXYTOCIN, "question": "Bent?", "formula": "~ oxytocin_change", "motion_covariate": True,
             "correlation": "percentage-bend"},
    "within": {**OXYTOCIN, **SESSIONS, "question": "Within participants?", "correlation": "repeated"},
    "mixed": {**OXYTOCIN, **SESSIONS, "question": "In a mixed model?"},
    "given-before": {**OXYTOCIN, "question": "After, given before?", "formula": "~ pre + oxytocin_post",
                     "contrast": "oxytocin_post", "outcome": "post"},
    "numbers": {**OXYTOCIN, "question": "Two numbers?", "formula": "~ oxytocin_change * anxiety_pre",
                "contrast": "oxytocin_change : anxiety_pre", "phenotypes": ["oxytocin", "anxiety"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("study"), {**MODELS, **RELATIONS})


@pytest.fixture(scope="module")
def written(study: Study) -> tuple[Path, str]:
    return study.report()


@pytest.fixture(scope="module")
def page(written: tuple[Path, str]) -> Page:
    return Page(written[0])


def methods_of(path: Path, model: str) -> str:
    """Return what the methods say of a model."""
    text = section(path, "methods").partition(f"Model {model} ")[2]
    assert text
    return re.split(r" Model [\w-]+ |Inference The statistic", text)[0]


def shown(*numbers: float) -> str:
    """Return a correlation with its interval, as the page has it."""
    value, low, high = (f"{number:.3f}".replace("-", "−") for number in numbers)
    return f"{value} [{low}, {high}]"


def test_the_page_is_well_formed_and_accessible(page: Page) -> None:
    check_well_formed(page)


def test_relations_stand_in_a_section_after_the_other_models(page: Page, written: tuple[Path, str]) -> None:
    headings = page.texts["h2"]
    start = headings.index("Connectivity and the person")
    assert [heading.split()[0] for heading in headings[1:start]] == list(MODELS)
    assert [heading.split()[0] for heading in headings[start + 1 :][: len(RELATIONS)]] == list(RELATIONS)
    assert "says nothing of what causes what" in section(written[0], "person")
    links = [str(link["href"]) for link in page.all("a") if str(link["href"]).startswith("#")]
    nav = [link for link in links if link != "#answer"][: len(MODELS) + 1 + len(RELATIONS)]
    assert nav == [*(f"#model-{name}" for name in MODELS), "#person", *(f"#model-{name}" for name in RELATIONS)]


def test_every_relation_has_its_figure(page: Page) -> None:
    for model in RELATIONS:
        assert f"The person. Model {model}." in [image["alt"] for image in page.all("img")]
    assert [image["alt"] for image in page.all("img")].count("Lines. Model by-arm.") == 1


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("slope-of-change", "r"),
        ("moderation", "partial r"),
        ("within", "r within participants"),
        ("given-before", "partial r"),
        ("numbers", "partial r"),
    ],
)
def test_a_relation_has_a_correlation_and_no_g(study: Study, written: tuple[Path, str], model: str, name: str) -> None:
    text, found = section(written[0], f"model-{model}"), study.summary(model)["primary"]
    correlation = shown(found["r"], found["r_low"], found["r_high"])
    assert f"(95 % CI), {name} {correlation}, p = {found['p']:.4f} (" in text
    assert f"n = {study.summary(model)['n']}." in text
    assert "Hedges" not in text
    table = read_table(study.result(model, "domains.tsv"))
    for row in table[["r", "r_low", "r_high"]].itertuples(index=False):
        assert shown(*row) in text


@pytest.mark.parametrize(
    ("model", "name"), [("ranks", "Partial rank correlation"), ("bent", "Partial percentage bend correlation")]
)
def test_a_correlation_of_transformed_values_is_told_once(
    study: Study, written: tuple[Path, str], model: str, name: str
) -> None:
    text, found = section(written[0], f"model-{model}"), study.summary(model)["primary"]
    correlation = shown(found["r"], found["r_low"], found["r_high"])
    assert f"{name} of change with change in oxytocin in plasma: {name.lower()} {correlation} (95 % CI), p = " in text


def test_a_mixed_model_has_no_correlation(written: tuple[Path, str]) -> None:
    text = section(written[0], "model-mixed")
    assert "Fisher z per pg/mL (95 % CI), Estimate in total SDs" in text
    assert "(t with Satterthwaite’s degrees of freedom)" in text


def test_the_measure_has_unit_direction_and_who_has_it(written: tuple[Path, str]) -> None:
    text = section(written[0], "model-slope-of-change")
    assert (
        "Change in oxytocin in plasma (pg/mL), known of 9 participants; a higher value means more oxytocin. How it was "
        "made: as in the table."
    ) in text
    assert "Above 0: connectivity rose more, or fell less, in participants whose oxytocin in plasma rose more." in text
    text = section(written[0], "model-moderation")
    assert "Attachment anxiety <ECR-R> before (score), known of 10 participants" in text
    assert "a higher value means less secure attachment" in text
    text = section(written[0], "model-within")
    assert "Oxytocin in plasma (pg/mL), known in the 14 sessions analysed" in text
    assert "connectivity is higher in sessions in which a participant’s oxytocin in plasma is higher." in text


def test_who_was_left_out_is_told_with_the_reason(written: tuple[Path, str]) -> None:
    text = section(written[0], "model-slope-of-change")
    assert "Left out: 3; analysed: 7." in text
    assert "1 no oxytocin after (the sample was lost) sub-04" in text
    assert "1 ses-post is missing sub-07" in text
    text = section(written[0], "model-within")
    assert "2 fewer than two sessions with oxytocin sub-02, sub-07" in text
    assert "1 fewer than two sessions with oxytocin (the sample was lost) sub-04" in text
    assert "slope-of-change: 3 not analysed, 7 analysed." in section(written[0], "left-out")


def test_slopes_stand_with_their_intervals_and_the_region(study: Study, written: tuple[Path, str]) -> None:
    text = section(written[0], "model-moderation")
    table = read_table(study.result("moderation", "slopes.tsv"))
    assert list(table["at"][:2]) == ["training", "waiting"]
    assert "Slope of each domain-level quantity on attachment anxiety <ECR-R> before, with 95 % intervals." in text
    assert re.search(r"emotion × cognition training [−.\d]+ \[[−.\d]+, [−.\d]+\] Fisher z per point", text)
    assert re.search(r"segregation waiting [−.\d]+ \[[−.\d]+, [−.\d]+\] ratio per point", text)
    assert relations.region_in_words(study.summary("moderation")) in text
    assert "Slopes" not in section(written[0], "model-slope-of-change")
    assert "mean + 1 SD of anxiety_pre" in section(written[0], "model-numbers")


def test_other_questions_are_parted_by_their_effect_size(study: Study, written: tuple[Path, str]) -> None:
    source = written[0].read_text(encoding="utf-8").partition("Other questions")[2].partition("</section>")[0]
    first, second = re.findall(r"<table>.*?</table>", source, re.DOTALL)
    assert "Hedges’ g [CI]" in first
    assert "Does it change while waiting?" in first
    assert "oxytocin" not in first
    assert "Hedges" not in second
    assert "models about measures of the person" in second
    assert "Effect size [CI]" in second
    for model in RELATIONS:
        found = study.summary(model)
        size = found["primary"]
        if model != "mixed":
            cell = f"{shown(size['r'], size['r_low'], size['r_high'])} <small>{words.effect_size(found)}</small>"
            assert cell in second
        assert f'href="#model-{model}"' in second


def test_no_p_value_is_zero(written: tuple[Path, str], page: Page) -> None:
    assert not re.search(r"p(_FWE)? = 0(\.0+)?\b(?!\.)", page.text)
    before_scans = written[0].read_text(encoding="utf-8").partition('<section id="scans"')[0]
    assert not re.search(r"<td[^>]*>0\.0+</td>", before_scans)
    assert "below 0.0000" not in page.text


@pytest.mark.parametrize("name", list(RELATIONS))
def test_a_study_whose_only_model_is_a_relation(tmp_path: Path, name: str) -> None:
    alone = make_study(tmp_path / "alone", {name: RELATIONS[name]})
    path, answer = alone.report()
    check_well_formed(Page(path))
    assert Page(path).texts["h2"][:2] == ["The answer", "Connectivity and the person"]
    text, found = section(path, "answer"), alone.summary(name)
    assert f"Above 0: {wording.claim(found, 1)}." in text
    assert f"{words.effect_size(found)} [95 % CI]" in text
    assert "Hedges" not in section(path, "methods").replace("References", "")
    assert words.effect_label(found).replace(" − ", " minus ") in answer.replace("’", "’")
    assert "Analysed: " in answer
    assert alone.report()[0].read_bytes() == path.read_bytes()


def test_a_study_without_relations_has_no_such_section(tmp_path: Path) -> None:
    path, _ = make_study(tmp_path, {"waiting": MODELS["waiting"]}).report()
    source = path.read_text(encoding="utf-8")
    assert "Connectivity and the person" not in source
    assert "Measures of the person" not in source
    assert "#person" not in source


# --- the methods text -------------------------------------------------------------------------------------------------

PHRASES = {
    "slope-of-change": [
        "Here oxytocin_change is oxytocin in plasma, post minus pre.",
        "Connectivity was related to change in oxytocin in plasma by Pearson’s correlation, not adjusted for "
        "covariates; its interval is tanh(artanh(r) ± z/√(df − 1)), df being the residual degrees of freedom (Fisher "
        "1924), which holds for normal data.",
        "For the null distribution the residuals of whole participants were permuted: 199 random arrangements (seed 1)",
    ],
    "moderation": [
        "Here anxiety_pre is attachment anxiety <ECR-R>, the value before.",
        "related to attachment anxiety <ECR-R> before × training against waiting by Pearson’s correlation, adjusted "
        "for each of the two by itself;",
        "The slope in each arm is a contrast of the same least-squares fit (simple slopes; Aiken and West 1991)",
        "The values of attachment anxiety <ECR-R> before at which the effect is significant at 0.05 are those of "
        "Johnson and Neyman (1936; Bauer and Curran 2005), each value by itself.",
    ],
    "ranks": [
        "by Spearman’s rank correlation (before the model was fitted and tested, the outcome, the measure and every "
        "numeric covariate were replaced by their ranks, ties by the mean rank), adjusted for attachment anxiety "
        "<ECR-R> before;",
        "tanh(artanh(r) ± z√((1 + r²/2)/(n − 3 − k))), k being the number of covariates (Bonett and Wright 2000).",
    ],
    "bent": [
        "by the percentage bend correlation (Wilcox 1994; β = 0.2)",
        "in units of ω, the distance from the median that 80 % of the values do not exceed), adjusted for change in "
        "mean FD; its interval is that of ranks,",
    ],
    "within": [
        "The connectivity of every session (14) was modelled with a level for each participant by least squares",
        "by the correlation within participants (repeated-measures correlation; Bland and Altman 1995; Bakdash and "
        "Marusich 2017): one slope for all and a level of its own for each",
        "df being the sessions less the participants, the covariates and 1",
        "the signs of whole participants’ deviations from their own level were flipped",
        "all 128 arrangements were enumerated, so that p-values are exact. No p-value can be below 0.0156.",
    ],
    "mixed": [
        "by restricted maximum likelihood",
        "related to oxytocin in plasma by the slope of the mixed model, to which differences between participants add",
    ],
    "given-before": [
        "adjusted for connectivity before; r is taken from t, r = t/√(t² + df), as each quantity has its own"
    ],
    "numbers": [
        "to change in oxytocin in plasma × attachment anxiety <ECR-R> before by Pearson’s correlation",
        "The slope at the mean of the other variable, and one standard deviation below and above, is a contrast",
    ],
}


@pytest.mark.parametrize(("model", "phrase"), [(name, phrase) for name, found in PHRASES.items() for phrase in found])
def test_methods_say_how_connectivity_was_related(written: tuple[Path, str], model: str, phrase: str) -> None:
    assert phrase in methods_of(written[0], model)


@pytest.mark.parametrize(
    ("model", "absent"),
    [
        ("within", "restricted maximum likelihood"),
        ("slope-of-change", "Aiken"),
        ("slope-of-change", "Wilcox"),
        ("mixed", "No p-value can be below"),
        ("by-arm", "Connectivity was related"),
    ],
)
def test_methods_say_nothing_that_was_not_done(written: tuple[Path, str], model: str, absent: str) -> None:
    assert absent not in methods_of(written[0], model)


def test_methods_list_what_they_cite(written: tuple[Path, str], page: Page) -> None:
    links = {link["href"] for link in page.all("a")}
    for doi in ("10.1007/BF02294395", "10.3389/fpsyg.2017.00456", "10.1007/BF02294183", "10.1136/bmj.310.6977.446"):
        assert f"https://doi.org/{doi}" in links
    text = section(written[0], "methods").partition("References")[2]
    for short in ("Johnson PO, Neyman J (1936). ", "Metron 3:329–332", "Aiken LS, West SG (1991). "):
        assert short in text
    assert "Makowski" not in text


def test_methods_say_how_each_measure_was_made(tmp_path: Path) -> None:
    name = "slope-of-change"
    heart = make_study(tmp_path, {name: RELATIONS[name]})
    about = {
        "title": "HRV", "unit": "ln ms", "higher": "more vagal influence", "source": "Nobody 2021, doi:10.1000/heart",
        "words": "RMSSD (Task Force 1996), from pulse recordings; NeuroKit2 (Makowski et al. 2021) found the peaks; of "
        "the kinds of Lipponen and Tarvainen (2019); unlike the others (Orphanidou et al. 2015)",
    }  # fmt: skip
    values = read_table(heart.folder / "phenotypes" / "oxytocin.tsv")
    keys = zip(values["participant_id"], values["session_id"].str.removeprefix("ses-"), strict=True)
    path = heart.folder / "again" / "oxytocin.tsv"
    write_phenotype(path, dict(zip(keys, values["value"], strict=True)), **about)
    for strategy in heart.universes:
        file = heart.result(name, "summary.json", strategy)
        record = read_record(file)
        told = {**record["phenotypes"]["oxytocin_change"], **about}
        write_record(file, {**record, "phenotypes": {"oxytocin_change": told}})
    page, _ = heart.report()
    text = section(page, "methods")
    assert (
        "Measures of the person HRV, in ln ms; a higher value means more vagal influence. How it was made: RMSSD"
        in text
    )
    assert "(Orphanidou et al. 2015) (Nobody 2021, doi:10.1000/heart)." in text
    references = text.partition("References")[2]
    for start in ("Makowski D, Pham T", "Lipponen JA, Tarvainen MP (2019)", "Orphanidou C, ", "Task Force of the "):
        assert start in references
    assert "change in HRV" in text


def test_a_measure_is_told_once_for_all_models(study: Study) -> None:
    found = measured.measures([study.summary(model) for model in RELATIONS])
    assert [one["title"] for one in found] == ["Oxytocin in plasma", "Attachment anxiety <ECR-R>"]


# --- claims -----------------------------------------------------------------------------------------------------------

ONE = {"phenotype": "oxytocin", "title": "Oxytocin", "unit": "pg/mL", "higher": "more", "words": "w", "source": ""}
BASE: dict[str, Any] = {
    "condition": "", "outcome": "change", "arm_column": "", "arms": [], "correlation": "pearson", "unit": "Fisher z",
    "primary": {"estimate": 1.0, "statistic": 2.0, "r": 0.5}, "statistics": [], "method": "residuals",
}  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "given", "estimate", "claim"),
    [
        ("change", {}, 1, "connectivity rose more, or fell less, in participants whose oxytocin rose more"),
        ("change", {}, -1, "connectivity fell more, or rose less, in participants whose oxytocin rose more"),
        ("change", {"condition": "drug - placebo"}, 1,
         "connectivity rose more, or fell less, under drug than under placebo in participants whose oxytocin rose "
         "more"),
        ("rate", {"outcome": "rate"}, 1,
         "connectivity rose more, or fell less, in participants whose oxytocin rose more per week"),
        ("pre", {}, -1, "connectivity fell more, or rose less, in participants with higher oxytocin before"),
        ("pre", {"outcome": "pre"}, 1, "connectivity before is higher in participants with higher oxytocin before"),
        ("post", {"outcome": "post"}, -1, "connectivity after is lower in participants with higher oxytocin after"),
        ("session", {"outcome": "sessions"}, 1, "connectivity is higher in sessions with higher oxytocin"),
        ("session", {"outcome": "sessions", "correlation": "repeated"}, -1,
         "connectivity is lower in sessions in which a participant’s oxytocin is higher"),
        ("pre", {"contrast": "group[a] - group[b] : x"}, 1,
         "the slope of change on oxytocin before is larger in a than in b"),
        ("pre", {"contrast": "group[a] - group[b] : x"}, -1,
         "the slope of change on oxytocin before is smaller in a than in b"),
        ("pre", {"contrast": "x : age"}, -1, "the slope of change on oxytocin before × age is smaller than 0"),
    ],
)  # fmt: skip
def test_claims_say_what_rose_with_what(moment: str, given: dict[str, Any], estimate: float, claim: str) -> None:
    summary = {**BASE, "contrast": "x", "relation": "x", "columns": ["Intercept", "x"],
               "phenotypes": {"x": {**ONE, "moment": moment}}, **given}  # fmt: skip
    assert wording.claim(summary, estimate) == claim


def test_several_slopes_tested_together_differ() -> None:
    summary = {**BASE, "contrast": "x", "relation": "x", "columns": ["Intercept", "x"], "condition": "a, b, c",
               "phenotypes": {"x": {**ONE, "moment": "pre"}}}  # fmt: skip
    summary["primary"] = {"estimate": None, "statistic": 3.0, "g": 0.4}
    expected = "there is a difference between a, b and c in slope of change on oxytocin before"
    assert wording.claim(summary, None) == expected
    assert words.effect_size(summary) == "Cohen’s f"
    assert measured.related(summary).endswith("by any difference among several slopes, tested together by F")


@pytest.mark.parametrize(
    ("ranges", "share", "words_"),
    [
        (
            [],
            0.0,
            "At no value of oxytocin before is the effect on emotion × cognition connectivity significant at 0.05.",
        ),
        (
            [[None, 4.25]],
            0.5,
            "where oxytocin before is below 4.25 (50 % of the participants are there; Johnson-Neyman)",
        ),
        ([[None, 2.0], [6.0, None]], 0.1, "is below 2.00 or above 6.00 (10 % "),
        ([[3.0, 5.0]], 0.25, "is from 3.00 to 5.00 (25 % "),
        ([[None, None]], 1.0, "is anywhere (100 % "),
    ],
)
def test_a_region_in_words(ranges: list[list[float | None]], share: float, words_: str) -> None:
    region = {"moderator": "x", "ranges": ranges, "share": share}
    summary = {**BASE, "alpha": 0.05, "region": region, "phenotypes": {"x": {**ONE, "moment": "pre"}}}
    assert words_ in relations.region_in_words(summary)
    assert relations.region_in_words({**summary, "region": None}) == ""


@pytest.mark.parametrize(
    ("given", "size", "unit"),
    [
        ({}, "r", "Fisher z per pg/mL"),
        ({"columns": ["Intercept", "x", "age"]}, "partial r", "Fisher z per pg/mL"),
        ({"correlation": "spearman"}, "rank r", "rank correlation"),
        ({"correlation": "percentage-bend", "columns": ["Intercept", "x", "age"]}, "partial bend r",
         "partial percentage bend correlation"),
        ({"correlation": "repeated", "columns": ["x", "mean_fd"]}, "r within participants", "Fisher z per pg/mL"),
        ({"relation": ""}, "Hedges’ g", "Fisher z per pg/mL"),
    ],
)  # fmt: skip
def test_effect_sizes_have_their_names(given: dict[str, Any], size: str, unit: str) -> None:
    phenotypes = {"x": {**ONE, "moment": "change"}}
    summary = {
        **BASE,
        "contrast": "x",
        "relation": "x",
        "columns": ["Intercept", "x"],
        "phenotypes": phenotypes,
        **given,
    }
    assert words.effect_size(summary) == size
    assert words.effect_unit(summary) == unit


def test_acronyms_keep_their_capitals() -> None:
    summary = {"phenotypes": {"x": {**ONE, "title": "HRV", "moment": "change"}}}
    assert words.in_words("x", summary) == "change in HRV"
    assert words.more_of("x", summary) == "participants whose HRV rose more"
    assert words.more_of("age", summary) == "participants with more age"
