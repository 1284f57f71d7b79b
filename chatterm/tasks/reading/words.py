"""How reading in parts is told to people, in one line each. Imports nothing: the app opens with it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatterm.tasks.reading.events import NotRead, PartsProgress, ReadingStopped

_MAX_PLACES = 5


def progress_text(progress: "PartsProgress") -> str:
    """Say how far it is: `part 7 of 31 · 42 tokens/s · 2 min left`."""
    place, *left = _place_and_time(progress)
    told = [place]
    if progress.num_kept:
        told.append(f"{progress.num_kept:,} read before")
    if progress.tokens_per_s is not None:
        told.append(f"{progress.tokens_per_s:,.0f} tokens/s")
    return " · ".join([*told, *left])


def short_progress(progress: "PartsProgress") -> str:
    """Say what of it a narrow line has room for: `part 7 of 31 · 2 min left`."""
    return " · ".join(_place_and_time(progress))


def _place_and_time(progress: "PartsProgress") -> list[str]:
    at = min(progress.done + 1, progress.total)
    step = "combining" if progress.step == "reduce" else "part"
    told = [f"{step} {at:,} of {progress.total:,}"]
    if progress.seconds_left is not None and progress.done < progress.total:
        told.append(f"{duration_text(progress.seconds_left)} left")
    return told


def duration_text(seconds: float) -> str:
    """Say how long something takes, as coarse as it is known: `40 s`, `2 min`, `1.5 h`."""
    if seconds < 100:
        return f"{max(1, round(seconds)):,} s"
    return f"{round(seconds / 60):,} min" if seconds < 5_400 else f"{seconds / 3600:,.1f} h"


def unread_text(unread: "NotRead") -> str:
    """Say what the answer does not rest on, and what to do for it."""
    places = places_text(unread.places)
    if unread.is_failure:
        return f"not read: {places}; the same command reads only what is missing"
    num_read = unread.total_lines - unread.num_lines
    return (
        f"read {num_read:,} of {unread.total_lines:,} lines; not read: {places}; "
        "ask for a summary, or --in-parts, to have all of it read"
    )


def kept_text(progress: "PartsProgress") -> str:
    """Say what an earlier run spares."""
    return f"{progress.num_kept:,} of {progress.total:,} parts are there from an earlier run"


def stopped_text(stopped: "ReadingStopped", *, is_private: bool) -> str:
    """Say what is left of a reading that was stopped."""
    parts = f"{stopped.num_kept:,} of {stopped.total:,} parts"
    if is_private or not stopped.num_kept:
        return f"stopped after {parts}; nothing of them is kept"
    return f"{parts} are kept; the same command goes on from there"


_RANGE = re.compile(r"(?P<before>.*?)(?:lines? (?P<lines>[\d,-]+)|第(?P<han_lines>[\d,-]+)行)")
_ON_PAGE = re.compile(r"(?P<document>.*?)(?:, (?=page )|，(?=第[\d,]+页))(?P<place>.*)")


def places_text(places: Sequence[str]) -> str:
    """Return places as one text: what stands in one document is said together."""
    groups: dict[str, list[str]] = {}
    named = set[str]()
    for place in places[:_MAX_PLACES]:
        if paged := _ON_PAGE.fullmatch(place):
            groups[paged["place"] if paged["document"] in named else place] = []
            named = {paged["document"]}
        elif found := _RANGE.fullmatch(place):
            before = found["before"] if found["lines"] else f"{found['before']}第"
            groups.setdefault(before, []).append(found["lines"] or found["han_lines"])
        else:
            groups[place] = []
    texts = [_with_lines(before, lines) if lines else before for before, lines in groups.items()]
    if len(places) > _MAX_PLACES:
        texts.append(f"and {len(places) - _MAX_PLACES:,} more")
    return "; ".join(texts)


def _with_lines(before: str, ranges: Sequence[str]) -> str:
    if before.endswith("第"):
        return f"{before}{'、'.join(ranges)}行"
    is_one = len(ranges) == 1 and "-" not in ranges[0]
    return f"{before}{'line' if is_one else 'lines'} {', '.join(ranges)}"
