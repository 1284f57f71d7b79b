"""Labels of many texts: each scored by itself, bias measured once, rows with their lines, totals by code."""

import json
import math
from collections.abc import Mapping, Sequence

from chatterm.conversation import Message
from chatterm.documents.chunks import Chunk
from chatterm.engine.base import CancelToken
from chatterm.engine.echo import EchoEngine
from chatterm.errors import DoesNotFit
from chatterm.prompts.output import OutputSpec
from chatterm.session import Scoring
from chatterm.tasks.reading.events import Partial
from chatterm.tasks.reading.label_rows import LABEL_ROWS, label_reply
from chatterm.tasks.reading.labels import ScoredPart, score_parts
from chatterm.tasks.reading.mapping import PartDone
from chatterm.tasks.structured import read_answer
from chatterm.tasks.views import view_of

LABELS = ("good", "bad")


class Leaning(EchoEngine):
    """Finds labels as likely as a table says; a text that it lacks does not fit."""

    def __init__(self, table: Mapping[str, Sequence[float]], cancel: CancelToken | None = None) -> None:
        super().__init__()
        self.table = table
        self.asked: list[str] = []
        self.cancel = cancel

    def score(self, messages: Sequence[Message], labels: Sequence[str]) -> list[float]:
        text = messages[-1].content
        self.asked.append(text)
        if self.cancel and text == "second":
            self.cancel.cancel()
        if text not in self.table:
            raise DoesNotFit(9000, 2048, "shorten it")
        return [math.log(share) for share in self.table[text]]


TABLE = {"blank": (0.1, 0.4), "first": (0.2, 0.3), "second": (0.1, 0.8), "third": (0.1, 0.38)}


def scored(
    texts: Sequence[str], engine: Leaning, cancel: CancelToken, *, is_multi: bool = False
) -> list[PartDone]:
    scoring = Scoring(labels=LABELS, blanks=("blank",), is_multi=is_multi)
    parts = [ScoredPart(place, (Message("user", text),), scoring) for place, text in enumerate(texts)]
    return [event for event in score_parts(engine, parts, cancel) if isinstance(event, PartDone)]


def partials(done: Sequence[PartDone], *, documents: Sequence[int] = (0, 0, 0, 0)) -> list[Partial]:
    return [
        Partial(
            chunk=Chunk(
                document=documents[one.position],
                name=f"r{documents[one.position]}.txt",
                text=f"Review {one.position},\n it goes on",
                first_line=2 * one.position + 1,
                last_line=2 * one.position + 2,
            ),
            text=one.text,
            failure=one.failure,
        )
        for one in done
    ]


def test_every_part_is_scored_and_bias_is_measured_once() -> None:
    engine = Leaning(TABLE)
    done = scored(["first", "long", "second", "third"], engine, CancelToken())
    assert engine.asked == ["blank", "first", "long", "second", "third"]
    assert "9,000 tokens" in done[1].failure
    rows = json.loads(label_reply(partials(done)))
    assert [(row["lines"], row["label"]) for row in rows] == [
        ("1-2", "good"),
        ("5-6", "bad"),
        ("7-8", "good"),
    ]
    assert rows[0] == {"lines": "1-2", "text": "Review 0, it goes on", "label": "good", "probability": 0.7273}
    assert [row.get("unsure", False) for row in rows] == [False, False, True]


def test_people_see_a_table_with_totals() -> None:
    reply = label_reply(partials(scored(["first", "second", "third"], Leaning(TABLE), CancelToken())))
    view = view_of(reply, OutputSpec(format="label"))
    assert view is not None
    assert view.columns == ("lines", "text", "label", "probability", "unsure")
    assert view.rows[2] == ("5-6", "Review 2, it goes on", "good", "0.5128", "yes")
    assert view.totals == {"labels": "good 2 (67%), bad 1 (33%)", "unsure rows": "1"}
    answer = read_answer(reply, LABEL_ROWS)
    assert answer is not None
    assert answer.violation is None
    assert view_of("good", OutputSpec(format="label")) is None


def test_several_labels_of_a_row_are_counted_each() -> None:
    done = scored(["first", "third"], Leaning(TABLE | {"third": (0.1, 0.4)}), CancelToken(), is_multi=True)
    reply = label_reply(partials(done))
    assert [row["label"] for row in json.loads(reply)] == [["good"], ["good", "bad"]]
    view = view_of(reply, OutputSpec(format="label"))
    assert view is not None
    assert view.totals["labels"] == "good 2 (100%), bad 1 (50%)"


def test_lines_of_several_documents_are_named() -> None:
    done = scored(["first", "second"], Leaning(TABLE), CancelToken())
    rows = json.loads(label_reply(partials(done, documents=(0, 1))))
    assert [row["lines"] for row in rows] == ["r0.txt:1-2", "r1.txt:3-4"]


def test_a_label_that_was_written_not_scored_has_no_probability() -> None:
    chunk = Chunk(document=0, name="a", text="x" * 90, first_line=4, last_line=4)
    (row,) = json.loads(label_reply([Partial(chunk=chunk, text=" good\n")]))
    assert row == {"lines": "4", "text": "x" * 59 + "…", "label": "good"}


def test_cancelling_leaves_the_rest_out() -> None:
    cancel = CancelToken()
    engine = Leaning(TABLE, cancel)
    assert [one.position for one in scored(["first", "second", "third"], engine, cancel)] == [0, 1]
    assert "third" not in engine.asked
