"""A part of the page as Markdown: headings, paragraphs, lists, links and code."""

from __future__ import annotations

from html.parser import HTMLParser

_BLOCKS = {"h3": "## ", "p": "", "li": "- "}


class _Markdown(HTMLParser):
    """Collects the blocks of a fragment of HTML; what is between them is white space."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self.parts: list[str] = []
        self.target = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.parts = []
        elif tag == "code":
            self.parts.append("`")
        elif tag == "sub":
            self.parts.append("_")
        elif tag == "a":
            self.target = dict(attrs).get("href") or ""
            self.parts.append("[")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.blocks.append(_BLOCKS[tag] + " ".join("".join(self.parts).split()))
        elif tag == "code":
            self.parts.append("`")
        elif tag == "a":
            self.parts.append(f"]({self.target})")

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def markdown(fragment: str) -> str:
    r"""Return a fragment of HTML as Markdown, items of a list on lines of their own.

    Examples
    --------
    >>> markdown("<h3>Data</h3><p>Of <a href='https://doi.org/10.1/x'>doi:10.1/x</a>, <code>a &lt; b</code>.</p>")
    '## Data\n\nOf [doi:10.1/x](https://doi.org/10.1/x), `a < b`.\n'
    """
    reader = _Markdown()
    reader.feed(fragment)
    reader.close()
    text = ""
    for before, block in zip(["", *reader.blocks], reader.blocks, strict=False):
        apart = "" if not text else "\n" if before.startswith("- ") and block.startswith("- ") else "\n\n"
        text += apart + block
    return text + "\n"
