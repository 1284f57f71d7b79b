"""What the checks found in a reply, and what scoring gave its labels, in lines for the screen. Pure.

The texts are the reply's and the documents' own: whoever shows the lines sanitises them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size

from chatterm.session import Scored
from chatterm.tui.foreign import one_line

if TYPE_CHECKING:
    from chatterm.checks import Kind
    from chatterm.tasks import Checked

_NOUNS: "Mapping[Kind, tuple[str, str, str]]" = {
    "number": ("number", "numbers", "个数字"),
    "quote": ("quote", "quotes", "处引文"),
    "citation": ("citation", "citations", "处引用"),
    "copy": ("copied value", "copied values", "个抄录的值"),
}
"""One, several, and in Chinese. Of the other kinds only what is amiss is told."""
_BAR_CELLS = 20
_MAX_LABELS = 12
_LABEL_CELLS = 30
_MORE = {"en": "and more; F5 lists all", "zh": "还有更多；按 F5 查看全部"}


def summary_lines(checked: "Checked", lang: str) -> Iterator[str]:
    """Yield what stands below a reply: what was found, each thing that is amiss, the domain's footer."""
    from chatterm.tasks.checking import MAX_NOTICES  # opening the app does without

    if counted := counted_line(checked, lang):
        yield counted
    notices = list(checked.notices)
    if len(checked.report.unverified) + len(checked.phrasings) > MAX_NOTICES and notices:
        notices[-1] = _MORE.get(lang, _MORE["en"])
    yield from (f"⚠ {notice}" for notice in notices)
    yield from checked.footers


def counted_line(checked: "Checked", lang: str) -> str:
    """Return how much was found in the documents and how much was not; empty where nothing was checked."""
    grounded = [finding for finding in checked.report.findings if finding.kind in _NOUNS]
    if not grounded:
        return ""
    found = Counter(finding.kind for finding in grounded if finding.is_verified)
    num_missing = sum(not finding.is_verified for finding in grounded)
    parts = []
    if found:
        listed = ("、" if lang == "zh" else ", ").join(_counted(kind, found[kind], lang) for kind in found)
        parts.append(f"✓ {listed}在原文中" if lang == "zh" else f"✓ {listed} found in the document")
    if num_missing:
        parts.append(f"⚠ {num_missing}处未找到" if lang == "zh" else f"⚠ {num_missing} not found")
    return " · ".join(parts)


def _counted(kind: "Kind", number: int, lang: str) -> str:
    one, several, chinese = _NOUNS[kind]
    return f"{number}{chinese}" if lang == "zh" else f"{number} {one if number == 1 else several}"


def score_lines(scored: Scored) -> Iterator[str]:
    """Yield each label with its probability, the likeliest first, and how sure that is."""
    order = sorted(scored.scores, key=lambda one: -one.probability)
    labels = [one_line(one.label, _LABEL_CELLS) for one in order[:_MAX_LABELS]]
    width = min(max(map(cell_len, labels), default=0), _LABEL_CELLS)
    for one, label in zip(order, labels, strict=False):
        bar = "█" * round(one.probability * _BAR_CELLS)
        mark = "●" if one.label in scored.chosen else " "
        yield f"{mark} {set_cell_size(label, width)} {one.probability:5.1%} {bar}"
    if num_more := len(order) - len(order[:_MAX_LABELS]):
        yield f"  and {num_more:,} more labels"
    sure = "unsure: the two likeliest are close" if scored.is_unsure else "sure"
    calibrated = "calibrated" if scored.is_calibrated else "not calibrated"
    yield f"{sure} · margin {scored.margin:.2f} · {calibrated}"
