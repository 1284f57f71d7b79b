"""FindingsScreen: everything that was checked in a reply, with the lines of the source it was found in."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatterm.sanitize import sanitize
from chatterm.tasks import Checked
from chatterm.tui.check_words import counted_line, finding_lines

MAX_FINDINGS = 500


class FindingsScreen(ModalScreen[None]):
    """Shown over the chat. What is not verified comes first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "close", "Close", show=False, id="findings.close")
    ]

    def __init__(self, checked: Checked, lang: str) -> None:
        super().__init__()
        self._checked = checked
        self._lang = lang

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="findings", classes="dialog") as box:
            box.border_title = "What was checked"
            box.border_subtitle = "Esc closes"
            yield Static(Content("\n".join(sanitize(line) for line in self._lines())))

    def action_close(self) -> None:
        self.dismiss()

    def _lines(self) -> Iterator[str]:
        checked = self._checked
        yield counted_line(checked, self._lang) or "Nothing in this reply could be held against a document."
        yield ""
        if checked.misses_schema:
            yield f"⚠ the answer misses its schema: {checked.misses_schema}"
        for one in checked.phrasings:
            yield f"⚠ line {one.line}, {one.text}: {one.reason}"
        findings = sorted(checked.report.findings, key=lambda finding: finding.is_verified)
        for finding in findings[:MAX_FINDINGS]:
            yield from finding_lines(finding, self._lang)
        if num_more := len(findings) - len(findings[:MAX_FINDINGS]):
            yield f"and {num_more:,} more"
