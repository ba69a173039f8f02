"""References: what a text cites, in full and as BibTeX.

The facts stand in ``references.bib``, one entry each. A text cites an entry by its authors and year, such as `Ciric et
al. 2017`, and a choice file names its source in words with a DOI.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

_ENTRY = re.compile(r"^@(\w+)\{(\w+),\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
_SOURCE = re.compile(r"(?:^|;)\s*([^;]*?),?\s*\bdoi:\s*(10\.\d{4,9}/[^\s;,]+)", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:1[89]|20)\d\d\b")


@dataclass(frozen=True)
class Reference:
    """A publication: its BibTeX kind, key and fields."""

    kind: str
    key: str
    fields: Mapping[str, str]

    @property
    def short(self) -> str:
        """Authors and year as a text cites them."""
        authors = self.fields.get("shortauthor", self.fields["author"]).split(" and ")
        names = [author.strip("{}").partition(",")[0] for author in authors]
        first = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        return f"{first} {self.fields['year']}"

    @property
    def full(self) -> str:
        """The whole reference in words, with its DOI."""
        found = {name: _plain(text) for name, text in self.fields.items()}
        doi = f", doi:{found['doi']}" if "doi" in found else ""
        if "note" in found:
            return found["note"] + doi
        authors = ", ".join(_initials(author) for author in self.fields["author"].split(" and "))
        venue = next(found[name] for name in ("journal", "booktitle", "publisher") if name in found)
        issue = f"({found['number']})" if "number" in found else ""
        where = ":".join(part for part in (found.get("volume", "") + issue, found.get("pages", "")) if part)
        return f"{authors} ({found['year']}). {found['title']}. {venue}{f' {where}' if where else ''}{doi}"

    def bibtex(self) -> str:
        """Return the entry as BibTeX."""
        lines = [f"  {name} = {{{text}}}," for name, text in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


@cache
def known() -> tuple[Reference, ...]:
    """Return every publication of ``references.bib``, by the names of their authors."""
    text = files("connect.report").joinpath("references.bib").read_text(encoding="utf-8")
    return tuple(Reference(kind, key, dict(_FIELD.findall(body))) for kind, key, body in _ENTRY.findall(text))


def cited_in(text: str) -> list[Reference]:
    """Return the publications that a text cites by authors and year."""
    plain = re.sub(r" \((?=\d{4})", " ", text)
    return [one for one in known() if one.short in plain]


def sources_of(texts: Iterable[str], cited: Iterable[Reference]) -> list[Reference]:
    """Return what sources of choices name by a DOI and is not cited by authors and year, in the words of the choice."""
    dois = {one.fields["doi"].lower() for one in cited if "doi" in one.fields}
    found: dict[str, Reference] = {}
    for words, target in (match for text in texts for match in _SOURCE.findall(" ".join(text.split()))):
        doi = target.rstrip(".:")
        if doi.lower() in dois:
            continue
        year = _YEAR.search(words)
        dated = {"year": year[0]} if year else {}
        key = "".join(re.findall(r"[a-z]+", words.lower())[:1]) + (year[0] if year else "")
        found.setdefault(doi.lower(), Reference("misc", key, {"note": _protected(words), **dated, "doi": doi}))
    return _told_apart(list(found.values()))


def software(versions: Mapping[str, str]) -> list[Reference]:
    """Return programs with their versions."""
    return [
        Reference("software", name.lower(), {"title": f"{{{name}}}", "version": number})
        for name, number in versions.items()
    ]


def bibliography(found: Iterable[Reference]) -> str:
    """Return publications, sources and programs as a BibTeX file."""
    return "\n\n".join(one.bibtex() for one in found) + "\n"


def _told_apart(found: list[Reference]) -> list[Reference]:
    """Give references of one key a letter each."""
    often = Counter(one.key for one in found)
    letters = {key: iter("abcdefghijklmnopqrstuvwxyz") for key in often}
    return [replace(one, key=one.key + next(letters[one.key])) if often[one.key] > 1 else one for one in found]


def _initials(author: str) -> str:
    family, _, given = _plain(author).partition(", ")
    letters = re.sub(r"[^\w-]", "", given)
    return f"{family} {letters}".strip()


def _plain(text: str) -> str:
    return text.replace("\\&", "&").replace("---", "—").replace("--", "–").strip("{}")


def _protected(text: str) -> str:
    return text.replace("&", "\\&").replace("{", "(").replace("}", ")")
