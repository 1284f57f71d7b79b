"""What a check found: frozen values that front ends show, count and write as JSON. Knows no check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "quote", "citation", "copy", "leak", "coverage", "structure", "language"]
"""`leak`: an example's words in the reply. `coverage`: what the source has and the reply lacks.

`structure`: the same of its markup.
`language`: the reply is not in the one that was asked for; its text is the code of the one it is in.
"""

Verdict = Literal["found", "near", "absent"]
"""`near`: the source has something like it, and `why` says what differs. Only `found` is verified."""

Why = Literal[
    "", "rounded", "sign", "unit", "scale", "date", "wording", "row", "from-example", "missing", "language"
]
"""What is amiss, for front ends to put in words."""

Level = Literal["strict", "mark", "off"]
"""`strict`: what is not verified fails the reply. `mark`: it is marked."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a source has what the reply says, or what comes near it."""

    text: str
    """As it stands in the source."""
    first_line: int
    """From 1."""
    last_line: int
    source: int = 0
    """Which of the sources, from 0; -1: the user's own words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    kind: Kind
    verdict: Verdict
    start: int
    """Where it stands in the reply, in characters; -1 where the reply lacks it."""
    end: int
    text: str
    """As it stands in the reply; of `coverage`, in the source."""
    why: Why = ""
    evidence: tuple[Evidence, ...] = ()
    """The first places in the sources; of a `leak`, none."""

    @property
    def is_verified(self) -> bool:
        return self.verdict == "found"


@dataclass(frozen=True, slots=True)
class Report:
    """All that was checked in one reply, in the reply's order; `coverage` comes last."""

    findings: tuple[Finding, ...]
    levels: Mapping[Kind, Level]

    @property
    def unverified(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.is_verified)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What a prompt's own `strict` checks did not find."""
        return tuple(finding for finding in self.unverified if self.levels[finding.kind] == "strict")

    def grounded(self, kind: Kind = "number") -> float | None:
        """Return the share of this kind that was found; None, not success, where nothing was checked."""
        checked = [finding.is_verified for finding in self.findings if finding.kind == kind]
        return sum(checked) / len(checked) if checked else None

    def as_json(self) -> dict[str, object]:
        """Return plain values for `--json`; lines count from 1, places are characters of the reply."""
        kinds: tuple[Kind, ...] = tuple(dict.fromkeys(finding.kind for finding in self.findings))
        return {
            "checked": len(self.findings),
            "grounded": {kind: self.grounded(kind) for kind in kinds},
            "unverified": [_plain(finding) for finding in self.unverified],
            "verified": [_plain(finding) for finding in self.findings if finding.is_verified],
        }


def _plain(finding: Finding) -> dict[str, object]:
    places = [
        {"source": one.source, "lines": [one.first_line, one.last_line], "text": one.text}
        for one in finding.evidence
    ]
    return {
        "kind": finding.kind,
        "verdict": finding.verdict,
        "why": finding.why,
        "text": finding.text,
        "span": [finding.start, finding.end],
        "found": places,
    }
