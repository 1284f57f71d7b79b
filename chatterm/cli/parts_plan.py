"""What `ask --dry-run` tells of documents that would be read in parts."""

import sys

from chatterm.cli.answer import print_safely, to_json
from chatterm.cli.report import Report
from chatterm.tasks.answering import Means, Reading
from chatterm.tasks.reading.outline import outline_of


def show_plan(reading: Reading, means: Means, report: Report, *, as_json: bool) -> int:
    """Print the parts, and say how often the model would be asked; 0 is the exit code."""
    outline = outline_of(reading, means)
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
    for number, (chunk, num_tokens) in enumerate(outline.parts, 1):
        lines = f"lines {chunk.first_line:,}-{chunk.last_line:,}"
        titles = f" · {' > '.join(chunk.title_path)}" if chunk.title_path else ""
        heading = f"part {number:,}/{len(outline.parts):,}: {chunk.name}, {lines}"
        print_safely(sys.stdout, f"{heading}{titles} · {num_tokens:,} tokens")
    report.notice(
        f"{reading.strategy}: {len(outline.parts):,} parts of at most {outline.part_limit:,} tokens, "
        f"{outline.num_tokens:,} in all; about {outline.num_calls:,} calls; nothing was generated"
    )
    return 0
