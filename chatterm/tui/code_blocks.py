"""The code of a Markdown text. Pure."""

import re

_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.M | re.S)


def code_blocks(text: str) -> list[str]:
    """Return what stands between fences, in order; a fence that is not closed goes on to the end."""
    return [found[2].removesuffix("\n") for found in _FENCED.finditer(text)]
