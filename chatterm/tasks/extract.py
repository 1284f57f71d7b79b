"""The first fenced block of an answer in Markdown: what `ask -x` prints. Pure."""

import re
from io import StringIO

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$")


def first_fenced(answer: str) -> str | None:
    """Return the text of the first fenced block, without its fences; None where there is none.

    A block that is not closed goes to the end, as CommonMark says (section 4.5). A fence of backticks whose
    line holds another one opens nothing.
    """
    mark = ""
    block: list[str] = []
    for line in StringIO(answer, newline=""):  # splitlines would also end lines at form feeds
        found = _FENCE.match(line.rstrip("\r\n"))
        if not mark:
            if found and not (found[1][0] == "`" and "`" in found[2]):
                mark = found[1]
        elif found and found[1].startswith(mark) and not found[2].strip():
            return "".join(block)
        else:
            block.append(line)
    return "".join(block) if mark else None
