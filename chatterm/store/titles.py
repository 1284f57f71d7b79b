"""A conversation's title, made from its first exchange by rule. Pure; no model is asked.

The question is the best title there is, without its courtesies and what it quotes. Where it says nothing of
its own ("hi", "继续"), the reply's first heading or sentence does.
"""

import re

from chatterm.sanitize import num_cells

MAX_CELLS = 60
"""A title's width in terminal cells; Chinese takes two a character."""

MAX_READ = 2_000
"""Characters of a text outside fences that a title is looked for in."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_DOCUMENT = re.compile(r"\[[^\[\]]*\]")
_COURTESY = re.compile(
    r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|dear \w+)(?: there)?\s*[,.!:;]+\s*"
    r"|(?:please|kindly)\b[,:]?\s+"
    r"|(?:can|could|would|will) you (?:please |kindly )?(?=\w)"
    r"|(?:你好|您好|嗨)[,，。!！~\s]+"
    r"|(?:请问|请你|请您|麻烦你|麻烦您|能不能帮我|可以帮我|帮我|请)(?=\w)[,，：:]?)",
    re.I,
)
_VAGUE = re.compile(
    r"(?:hi|hello|hey|yo|thanks?|thank you|ok(?:ay)?|yes|no|go on|continue|help|help me|test|\?"
    r"|你好|您好|嗨|在吗|谢谢|继续|好|好的|是|不|帮忙|测试)[\s.,!?。，！？~]*",
    re.I,
)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t#]*$", re.M)
_LINE_MARKS = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\d+[.)]\s+)+")
_INLINE_MARKS = re.compile(r"(\*\*|__|`+)(?=\S)(.+?)(?<=\S)\1")
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)")
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s)|[。！？]|$)", re.S)


def title_of(question: str, reply: str) -> str:
    """Return a title of one line, at most MAX_CELLS wide; empty where neither text says anything."""
    asked = _plain(question)
    bare = _without_courtesy(asked)
    if bare and not _VAGUE.fullmatch(bare):
        return shortened(bare)
    return shortened(_gist(reply) or asked)


def shortened(text: str, max_cells: int = MAX_CELLS) -> str:
    """Return `text` on one line: its first sentences that fit, else cut after a word, with an ellipsis."""
    line = " ".join(text.split())
    if num_cells(line) <= max_cells:
        return line
    first = _SENTENCE.match(line)
    if first and max_cells // 3 <= num_cells(first[0]) <= max_cells:
        return first[0]
    cut = _cut(line, max_cells - 1)
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > len(cut) // 2 else cut).rstrip(" ,;:，；：、") + "…"


def _gist(reply: str) -> str:
    """Return the reply's first heading, else its first sentence."""
    text = _outside_fences(reply)
    heading = _HEADING.search(text)
    first = _SENTENCE.match(_plain(heading[1] if heading else text))
    return first[0] if first else ""


def _plain(text: str) -> str:
    """Return the first paragraph outside fences, without Markdown's marks, on one line."""
    paragraphs = re.split(r"\n[ \t]*\n", _outside_fences(text))
    lines = (_LINE_MARKS.sub("", line) for line in paragraphs[0].splitlines())
    joined = " ".join(" ".join(lines).split())
    return _INLINE_MARKS.sub(r"\2", _LINK.sub(r"\1", joined))


def _outside_fences(text: str) -> str:
    """Return the beginning of `text` without fenced blocks, and without the names of documents above them."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if fence:
            fence = "" if found and found[1].startswith(fence) else fence
        elif found:
            fence = found[1]
            if kept and _DOCUMENT.fullmatch(kept[-1]):
                kept.pop()
        else:
            kept.append(line[:MAX_READ])
    return "\n".join(kept).strip()[:MAX_READ]


def _without_courtesy(text: str) -> str:
    bare = text
    while found := _COURTESY.match(bare):
        bare = bare[found.end() :]
    return text if bare == text else bare[:1].upper() + bare[1:]


def _cut(line: str, max_cells: int) -> str:
    width = 0
    for number, character in enumerate(line):
        width += num_cells(character)
        if width > max_cells:
            return line[:number]
    return line
