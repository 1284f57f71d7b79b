"""What `ask --dry-run` tells of documents that would be read in parts."""

import sys

from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.parts import places_of
from chatterm.cli.report import Report
from chatterm.tasks.answering import Means, Reading
from chatterm.tasks.reading.outline import outline_of


def show_plan(reading: Reading, means: Means, report: Report, *, as_json: bool) -> int:
    """Print the parts, and say how often the model would be asked; 0 is the exit code."""
    outline = outline_of(reading, means)
    report.clear()
    if as_json:
        shown = {
            "model": means.engine.describe().name,
            "strategy": reading.strategy,
            "unit": reading.unit,
            "parts": [
                {"document": chunk.name, "lines": [chunk.first_line, chunk.last_line], "tokens": num_tokens}
                for chunk, num_tokens in outline.parts
            ],
            "part_limit": outline.part_limit,
            "input_tokens": outline.num_tokens,
            "calls": outline.num_calls,
            "context_length": means.engine.describe().context_length,
        }
        print_safely(sys.stdout, to_json(shown))
        return 0
    places = places_of(reading)
    for number, (chunk, num_tokens) in enumerate(outline.parts, 1):
        titles = f" · {' > '.join(chunk.title_path)}" if chunk.title_path else ""
        heading = f"part {number:,}/{len(outline.parts):,}: {places.of_chunk(chunk)}"
        print_safely(sys.stdout, f"{heading}{titles} · {num_tokens:,} tokens")
    parts = _counted(len(outline.parts), "part")
    report.notice(
        f"{reading.strategy}: {parts} of at most {outline.part_limit:,} tokens, "
        f"{outline.num_tokens:,} in all; about {_counted(outline.num_calls, 'call')}; nothing was generated"
    )
    return 0


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
