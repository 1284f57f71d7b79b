"""Adds to a turn's events what the checks found in its reply. Both front ends iterate `checked`."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from chatterm.checks import Finding, Report, footer
from chatterm.conversation import Turn
from chatterm.session import SessionEvent, TurnFinished
from chatterm.tasks.check_plan import CheckPlan, Earlier
from chatterm.tasks.question import Composed


@dataclass(frozen=True, slots=True)
class FieldMark:
    """What was found in one value of a reply in JSON."""

    path: tuple[str | int, ...]
    """Names and places (from 0) from the top: `("rows", 0, "value")`."""
    findings: tuple[Finding, ...]

    @property
    def is_verified(self) -> bool:
        return all(finding.is_verified for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks say of a finished reply."""

    reply_id: str
    """Of the message; empty where the store refused it."""
    report: Report
    """Without findings where nothing could be checked: that is neither good nor bad."""
    fields: tuple[FieldMark, ...] = ()
    """Of a reply in JSON: the values in which something was checked, in the reply's order."""
    notices: tuple[str, ...] = ()
    """What is amiss, a sentence each, in the user's language; of foreign text, so to be made safe first."""
    footers: tuple[str, ...] = ()
    """What stands below this reply, if it was not told in the conversation before."""
    fails_strictly: bool = False
    """Whether `--strict` ends with exit code 6."""


TaskEvent = SessionEvent | Checked


def checked(
    events: Generator[SessionEvent], composed: Composed, earlier: Earlier | None = None
) -> Generator[TaskEvent]:
    """Pass a turn's events on, and after each TurnFinished tell what was found in its reply."""
    earlier = earlier or Earlier()
    with closing(events):
        for event in events:
            yield event
            if isinstance(event, TurnFinished):
                yield check_turn(event.turn, composed.checks, earlier)


def check_turn(turn: Turn, plan: CheckPlan, earlier: Earlier) -> Checked:
    """Hold a reply against its plan."""
    return Checked(
        reply_id=turn.reply.id,
        report=Report((), {}),
        footers=tuple(footer(pack, plan.lang) for pack in plan.packs if pack not in earlier.told),
    )
