"""Pure functions on what was asked and answered. Knows no model, no prompt file, no terminal."""

from chatterm.checks.findings import Evidence, Finding, Kind, Level, Report, Verdict
from chatterm.checks.guards import PACKS, Pack, ai_label, draft_line, footer, notices_before
from chatterm.checks.phrasings import Phrasing, forbidden_phrasings
from chatterm.checks.verify import DEFAULT_LEVELS, OWN_WORDS, Basis, levels_of, verify
from chatterm.checks.wording import describe

__all__ = [
    "DEFAULT_LEVELS",
    "OWN_WORDS",
    "PACKS",
    "Basis",
    "Evidence",
    "Finding",
    "Kind",
    "Level",
    "Pack",
    "Phrasing",
    "Report",
    "Verdict",
    "ai_label",
    "describe",
    "draft_line",
    "footer",
    "forbidden_phrasings",
    "levels_of",
    "notices_before",
    "verify",
]
