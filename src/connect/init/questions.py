"""Ask somebody at a terminal, with a guess that Enter takes; where nobody is, take it or say which flag lacks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from connect.errors import UserError

T = TypeVar("T")


@dataclass
class Questions:
    """Asks, or takes guesses.

    Parameters
    ----------
    asks
        Whether somebody is there to answer.
    number
        Questions that were asked.
    """

    asks: bool
    number: int = 0

    def answer(self, flag: str, given: str, question: str, guess: str, check: Callable[[str], T]) -> T:
        """Return the answer to a question, checked.

        Parameters
        ----------
        flag
            Flag that answers it.
        given
            What the flag said; nothing if it was not there.
        question
            The question, in a line or more.
        guess
            What to take without an answer; nothing if it cannot be guessed.
        check
            Turns an answer into what it means.

        Raises
        ------
        UserError
            If the flag is wrong, or nobody answers what cannot be guessed. A wrong answer is asked for again.
        """
        if given:
            return check(given)
        if not self.asks:
            if not guess:
                raise UserError(f"flag {flag}", question.splitlines()[0], "nothing that it could be", f"give `{flag}`")
            return check(guess)
        self.number += 1
        sys.stdout.write(f"\n{self.number}. {question}\n")
        while True:
            try:
                words = input(f"   [{guess}] " if guess else "   > ").strip() or guess
            except EOFError as error:
                raise UserError(f"flag {flag}", "an answer", "the end of the input", f"give `{flag}`") from error
            try:
                return check(words)
            except UserError as error:
                sys.stdout.write("".join(f"   {line}\n" for line in str(error).splitlines()))
