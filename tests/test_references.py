"""References: whole, cited by the words that the texts use, and taken from sources of choices without invention."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connect.report import references
from connect.report.references import Reference

NEEDED = {
    "article": {"author", "title", "journal", "year", "volume", "pages"},
    "book": {"author", "title", "publisher", "year"},
    "inproceedings": {"author", "title", "booktitle", "year", "pages"},
}


@pytest.mark.parametrize("one", references.known(), ids=lambda one: one.key)
def test_a_reference_is_whole(one: Reference) -> None:
    assert NEEDED[one.kind] <= set(one.fields)
    assert re.fullmatch(r"(17|18|19|20)\d\d", one.fields["year"])
    assert one.key.endswith(one.fields["year"])
    assert re.fullmatch(r"10\.\d{4,9}/\S+", one.fields.get("doi", "10.1000/none"))
    assert "..." not in one.bibtex()


def test_references_stand_in_their_order_and_once() -> None:
    keys = [one.key for one in references.known()]
    assert keys == sorted(set(keys))
    assert len({one.short for one in references.known()}) == len(keys)


def test_whatever_the_texts_cite_is_known(root: Path) -> None:
    package = root / "src" / "connect"
    paths = (package / "report" / "templates" / "methods_text.html", *(package / "report").glob("m*.py"))
    text = re.sub(r'"\s*\n\s*f?"', "", "".join(path.read_text() for path in paths))
    cited = set(re.findall(r"\b[A-Z][\w-]+(?: et al\.| and [A-Z][\w-]+)? (?:\(?(?:19|20)\d\d)\b", text))
    known = {one.short for one in references.known()}
    assert {name.replace("(", "") for name in cited} <= known


def test_a_text_cites_by_authors_and_year() -> None:
    text = "as Johnson and Neyman (1936; Bauer and Curran 2005), with NeuroKit2 (Makowski et al. 2021), Task Force 1996"
    keys = [one.key for one in references.cited_in(text)]
    assert keys == ["bauer2005", "johnson1936", "makowski2021", "taskforce1996"]


def test_a_reference_in_words() -> None:
    found = {one.key: one.full for one in references.known()}
    assert found["kuznetsova2017"] == (
        "Kuznetsova A, Brockhoff PB, Christensen RHB (2017). lmerTest Package: Tests in Linear Mixed Effects Models. "
        "Journal of Statistical Software 82(13):1–26, doi:10.18637/jss.v082.i13"
    )
    assert found["taskforce1996"].startswith("Task Force of the European Society of Cardiology")
    assert found["wang2024"].startswith("Wang H-T, Meisler SL, ")
    assert found["aiken1991"].endswith("Interpreting Interactions. Sage")


def test_sources_of_choices_are_taken_as_they_are_written() -> None:
    sources = [
        "Seitzman et al. 2020, NeuroImage 206:116290, doi:10.1016/j.x; coordinates as nilearn gives them",
        "Ledoit and Wolf 2004, J Multivar Anal 88:365, doi:10.1016/S0047-259X(03)00096-4",
        "Data & more {v1} 2020, doi:10.18112/openneuro.ds1.v1.0; Seitzman et al. 2020, doi:10.1000/other.",
        "no DOI at all",
    ]
    cited = references.cited_in("Ledoit and Wolf 2004")
    found = references.sources_of(sources, cited)
    assert [one.key for one in found] == ["seitzman2020a", "data2020", "seitzman2020b"]
    assert found[0].full == "Seitzman et al. 2020, NeuroImage 206:116290, doi:10.1016/j.x"
    lines = ["note = {Data \\& more (v1) 2020}", "year = {2020}", "doi = {10.18112/openneuro.ds1.v1.0}"]
    assert found[1].bibtex() == "\n".join(["@misc{data2020,", *(f"  {line}," for line in lines), "}"])
    assert found[2].fields["doi"] == "10.1000/other"
