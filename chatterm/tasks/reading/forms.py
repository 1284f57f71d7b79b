"""What form an answer has that was made of parts, for whoever checks and shows it. Pure."""

from dataclasses import replace

from chatterm.conversation import Message
from chatterm.tasks.question import Composed
from chatterm.tasks.reading.following import kept_words
from chatterm.tasks.reading.label_rows import LABEL_ROWS
from chatterm.tasks.reading.merging import merged_output
from chatterm.tasks.reading.plan import Reading


def with_form(composed: Composed, reading: Reading | None) -> Composed:
    """Return the question as it is kept, and the form of its answer: of a map to JSON or labels, a list.

    JSON that is reduced may have more items than its schema, for code may have to merge it. Both are as they
    were where nothing is read in parts.
    """
    if reading is None:
        return composed
    composed = replace(composed, request=replace(composed.request, kept=_kept_question(composed)))
    is_json_reduced = reading.strategy == "map-reduce" and composed.output.schema is not None
    if reading.strategy != "map" and not is_json_reduced:
        return composed
    is_labels = composed.output.format == "label"
    output = LABEL_ROWS if is_labels else merged_output(composed.output, by_unit=reading.unit is not None)
    checks = replace(composed.checks, schema=output.schema, computed=output.computed)
    return replace(composed, output=output, checks=checks, request=replace(composed.request, scoring=None))


def _kept_question(composed: Composed) -> Message:
    """Return what is kept as the question: a line for each document it brings, and the user's words."""
    question = composed.question
    if not question.documents:
        return composed.request.question
    return kept_words(question.documents, question.text)
