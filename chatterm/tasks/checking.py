"""Adds to a turn's events what the checks found in its reply. Both front ends iterate `checked`."""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chatterm.checks import Finding, Kind, Level, Report, describe, draft_line, footer
from chatterm.conversation import Turn
from chatterm.session import SessionEvent, TurnFinished
from chatterm.tasks.check_plan import CheckPlan, Earlier
from chatterm.tasks.citing import Cited, grounds_of
from chatterm.tasks.grounds import Grounds
from chatterm.tasks.json_leaves import Path
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.events import ReadingEvent
from chatterm.tasks.reply_language import wrong_language

if TYPE_CHECKING:
    from chatterm.checks.phrasings import Phrasing
    from chatterm.tasks.reply_text import ReplyText

MAX_NOTICES = 8
_GROUNDED: tuple[Kind, ...] = ("number", "quote", "citation", "copy")
"""What stands in a source or does not."""
_AT_THE_END = re.compile(r"[0-9０-９.,:/%零〇一二三四五六七八九十百千万亿点-]{1,60}\s*\Z")


@dataclass(frozen=True, slots=True)
class FieldMark:
    """What was found in one value of a reply in JSON."""

    path: Path
    findings: tuple[Finding, ...]

    @property
    def is_verified(self) -> bool:
        return all(finding.is_verified for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks say of a finished reply. Texts are foreign: whoever shows them makes them safe."""

    reply_id: str
    """Of the message; empty where the store refused it."""
    report: Report
    """Without findings where nothing could be checked: that is neither good nor bad."""
    fields: tuple[FieldMark, ...] = ()
    """Of a reply in JSON: the values in which something was checked, in the reply's order."""
    phrasings: "tuple[Phrasing, ...]" = ()
    """What the guard packs do not want to read."""
    misses_schema: str | None = None
    """In what a reply in JSON is not what its schema asks for; None where it is."""
    notices: tuple[str, ...] = ()
    """All that is amiss, a sentence each, in the language of the prompt's text."""
    footers: tuple[str, ...] = ()
    """What stands below this reply and was not told in the conversation before."""
    cited: Cited = field(default=Cited(Grounds(())), compare=False, repr=False)
    """The lines of the documents that it rests on."""

    @property
    def fails_strictly(self) -> bool:
        """Whether `--strict` ends with exit code 6."""
        is_grounded = all(finding.kind not in _GROUNDED for finding in self.report.unverified)
        return bool(self.report.failures or self.misses_schema) or not is_grounded

    def as_json(self) -> dict[str, object]:
        """Return plain values: those of the report, beside fields, phrasings and the schema."""
        return {
            **self.report.as_json(),
            "fields": [{"path": path_text(one.path), "verified": one.is_verified} for one in self.fields],
            "phrasings": [
                {"pack": one.pack, "rule": one.rule, "text": one.text, "span": [one.start, one.end]}
                for one in self.phrasings
            ],
            "misses_schema": self.misses_schema,
        }


TaskEvent = SessionEvent | Checked | ReadingEvent


def checked(
    events: Generator[SessionEvent | ReadingEvent], composed: Composed, earlier: Earlier | None = None
) -> Generator[TaskEvent]:
    """Pass a turn's events on, and after each TurnFinished tell what was found in its reply.

    `earlier` is what the conversation has before this turn (`earlier_in`); None for a new one.
    """
    with closing(events):
        for event in events:
            yield event
            if isinstance(event, TurnFinished):
                yield check_turn(event.turn, composed.checks, earlier or Earlier())


def check_turn(turn: Turn, plan: CheckPlan, earlier: Earlier) -> Checked:
    """Hold a reply against its plan."""
    from chatterm.tasks.reply_text import read_reply

    reply = read_reply(turn.reply.message.content, plan.schema)
    sources = tuple(dict.fromkeys((*plan.sources, *earlier.sources)))
    is_cut = turn.finish_reason in ("length", "cancelled")
    report = Report((), {}) if plan.is_closed else _verified(reply, plan, earlier, sources, is_cut=is_cut)
    phrasings = tuple(_phrasings(reply, plan, sources))
    fields = tuple(_field_marks(reply, plan, report))
    missed = None if is_cut else reply.violation(plan.schema)
    return Checked(
        reply_id=turn.reply.id,
        report=report,
        fields=fields,
        phrasings=phrasings,
        misses_schema=missed,
        notices=tuple(_notices(plan, report, phrasings, missed)),
        cited=Cited(grounds_of(plan, earlier), reply, plan.schema is not None, fields),
        footers=tuple(footer(pack, plan.lang) for pack in plan.packs if not _is_told(pack, plan, earlier)),
    )


def _field_marks(reply: "ReplyText", plan: CheckPlan, report: Report) -> Iterator[FieldMark]:
    """A field that code computed is marked by what it was computed from, where that is not verified."""
    marks = {path: FieldMark(path, found) for path, found in reply.by_field(report.findings)}
    yield from marks.values()
    for name, one in plan.computed.items():
        for item in dict.fromkeys(path[:-1] for path in marks):
            parts = [marks[path] for argument in one.arguments if (path := (*item, argument)) in marks]
            doubtful = tuple(
                finding for part in parts for finding in part.findings if not finding.is_verified
            )
            if doubtful:
                yield FieldMark((*item, name), doubtful)


def _is_told(pack: str, plan: CheckPlan, earlier: Earlier) -> bool:
    return pack in earlier.told or plan.prompt_id in earlier.told


def _verified(
    reply: "ReplyText", plan: CheckPlan, earlier: Earlier, sources: Sequence[str], *, is_cut: bool
) -> Report:
    from chatterm.checks.verify import Basis, verify

    levels = _levels(plan, has_sources=bool(sources))
    if is_cut:
        levels["coverage"] = "off"  # what is not there may have been to come
    given = "\n".join(filter(None, (plan.given, earlier.given)))
    basis = Basis(tuple(sources), given, plan.examples)
    terms = _medicines(sources) if levels["coverage"] != "off" and "medical" in plan.packs else ()
    report = verify(reply.text, basis, copies=reply.copies, terms=terms, levels=levels)
    findings = list(reply.placed(report.findings))
    if any(one.function == "compare" for one in plan.computed.values()):
        from chatterm.checks.rows import Rows

        findings = reply.in_rows(findings, Rows(sources))
    if is_cut and (half := _AT_THE_END.search(reply.raw)):  # what stands there is half of what was to come
        findings = [one for one in findings if one.end <= half.start()]
    is_missed = any(one.kind == "copy" and not one.is_verified for one in findings)
    if is_missed and plan.examples and levels["leak"] != "off":
        findings += reply.leaked_copies(basis)
    if plan.reply_lang and levels["language"] != "off":
        wrong = wrong_language(reply.text, plan.reply_lang)
        findings += [replace(wrong, end=len(reply.raw))] if wrong else []
    return Report(tuple(findings), levels)


def _medicines(sources: Sequence[str]) -> tuple[str, ...]:
    from chatterm.checks.medicines import medicines_in

    return tuple(dict.fromkeys(name for source in sources for name in medicines_in(source)))


def _levels(plan: CheckPlan, *, has_sources: bool) -> dict[Kind, Level]:
    """Return how strictly each kind is checked.

    Fields that are to be copied are held at least as strictly as quotes. Without a document only what the
    prompt holds strictly is checked, against what the user gave: a chat rests on nothing.
    """
    from chatterm.checks.verify import levels_of

    levels = levels_of(plan.levels)
    if plan.levels and levels["copy"] == "off":
        levels["copy"] = levels["quote"] if levels["quote"] != "off" else "mark"
    for kind in (*_GROUNDED, "coverage", "structure"):
        if not has_sources and (levels[kind] != "strict" or kind in ("coverage", "structure")):
            levels[kind] = "off"
    return levels


def _phrasings(reply: "ReplyText", plan: CheckPlan, sources: Sequence[str]) -> "Iterator[Phrasing]":
    if not plan.packs or plan.is_closed:
        return
    from chatterm.checks.phrasings import forbidden_phrasings

    for pack in plan.packs:
        for one in forbidden_phrasings(pack, reply.text, sources, lang=plan.lang):
            start, end = reply.span(one.start, one.end)
            yield replace(one, start=start, end=end, line=reply.raw.count("\n", 0, start) + 1)


def _notices(
    plan: CheckPlan, report: Report, phrasings: "Sequence[Phrasing]", missed: str | None
) -> Iterator[str]:
    is_chinese = plan.lang == "zh"
    if plan.is_draft:
        yield from filter(None, (draft_line(pack, plan.lang) for pack in plan.packs))
    if missed:
        yield f"回答不符合其格式：{missed}" if is_chinese else f"the answer misses its schema: {missed}"
    told = list(dict.fromkeys(describe(finding, plan.lang) for finding in report.unverified))
    told += dict.fromkeys(_phrasing_text(one, is_chinese=is_chinese) for one in phrasings)
    yield from told[:MAX_NOTICES]
    if num_more := len(told) - len(told[:MAX_NOTICES]):
        more = f"另有{num_more}处未核实；--json 列出全部"
        yield more if is_chinese else f"and {num_more} more marks; --json lists all"


def _phrasing_text(one: "Phrasing", *, is_chinese: bool) -> str:
    if is_chinese:
        return f"第{one.line}行“{one.text}”：{one.reason}"
    return f'line {one.line} of the answer, "{one.text}": {one.reason}'


def path_text(path: Path) -> str:
    """Return a path as people write it: `rows[0].value`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
