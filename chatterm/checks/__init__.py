"""Pure functions on what was asked and answered. Knows no model, no prompt file, no terminal.

What is needed before a reply is here. What is done with one is imported when there is one, as the patterns
take 60 ms to compile: `chatterm.checks.verify` and `chatterm.checks.phrasings`.
"""

from chatterm.checks.findings import Evidence, Finding, Kind, Level, Report, Verdict
from chatterm.checks.guards import EXPORT_LABEL, PACKS, Pack, draft_line, footer, notices_before
from chatterm.checks.wording import describe

__all__ = [
    "EXPORT_LABEL",
    "PACKS",
    "Evidence",
    "Finding",
    "Kind",
    "Level",
    "Pack",
    "Report",
    "Verdict",
    "describe",
    "draft_line",
    "footer",
    "notices_before",
]
