"""What was checked and what came of it: a line for each check, and four parts for what is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from connect.errors import UserError

T = TypeVar("T")
Level = Literal["ok", "warning", "to fix"]


@dataclass(frozen=True)
class Finding:
    """What came of a check.

    Attributes
    ----------
    level
        `ok`; `warning`: something runs, but perhaps not as it is meant; `to fix`: something will not run.
    what
        What was checked, and what was found if it is ok.
    error
        What is not as it should be.
    """

    level: Level
    what: str
    error: UserError | None = None

    def __str__(self) -> str:
        """Return the line, and the four parts below it."""
        parts = str(self.error).splitlines() if self.error else []
        return "\n".join([f"{self.level:<9}{self.what}", *(f"{'':<9}{part}" for part in parts)])


@dataclass
class Findings:
    """Checks of one part, as they come."""

    part: str
    found: list[Finding] = field(default_factory=list)

    def ok(self, what: str) -> None:
        """Note that something is as it should be."""
        self.found.append(Finding("ok", what))

    def warn(self, what: str, error: UserError) -> None:
        """Note what may not be meant."""
        self.found.append(Finding("warning", what, error))

    def fix(self, what: str, error: UserError) -> None:
        """Note what will not run."""
        self.found.append(Finding("to fix", what, error))

    def attempt(self, what: str, step: Callable[[], T]) -> T | None:
        """Return what a step gives; note a mistake in it, and return None."""
        try:
            return step()
        except UserError as error:
            self.fix(what, error)
            return None

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Note a mistake in a block, and go on."""
        try:
            yield
        except UserError as error:
            self.fix(what, error)

    def shorten(self, start: int, what: str, keep: int = 3) -> None:
        """Keep the first of many mistakes of one kind, those from a place in the findings on, and count the others."""
        more = self.found[start + keep :]
        if len(more) > 1:
            shown = ", ".join(one.what for one in more[:keep])
            todo = "mend those above, and run the command again"
            self.found[start + keep :] = []
            self.fix(what, UserError(shown, "as above", f"{len(more)} more with mistakes of this kind", todo))

    def clean_since(self, count: int) -> bool:
        """Whether nothing was found wrong since there were so many findings."""
        return all(one.level == "ok" for one in self.found[count:])
