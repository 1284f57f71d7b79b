"""Answers that are labels: whole-label probabilities, less what labels have where nothing is said."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.conversation import Message, ModelCard
from chatterm.engine.base import CancelToken, Finished, TextDelta
from chatterm.engine.echo import EchoEngine
from chatterm.errors import Unsupported, UsageError
from chatterm.session import CalibrationCache, ChatSession, Scored, Scoring, TurnFinished, TurnRequest
from chatterm.session.scoring import exclusive, judge, score_reply
from chatterm.store import ConversationStore


class Leaning(EchoEngine):
    """Finds labels as likely as a table says, by the words of the question."""

    def __init__(self, table: Mapping[str, Mapping[str, float]]) -> None:
        super().__init__()
        self.table = table
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def score(self, messages: Sequence[Message], labels: Sequence[str]) -> list[float]:
        self.asked.append((messages[-1].content, tuple(labels)))
        row = self.table[messages[-1].content]
        return [math.log(row[label]) for label in labels]


TABLE = {
    "fine": {"good": 0.2, "bad": 0.3},
    "blank": {"good": 0.1, "bad": 0.4},
    "empty": {"good": 0.1, "bad": 0.4},
}
LABELS = ("good", "bad")


def messages(text: str) -> list[Message]:
    return [Message("system", "s"), Message("user", text)]


def scored(engine: Leaning, scoring: Scoring, cache: CalibrationCache | None = None) -> Scored:
    events = score_reply(engine, messages("fine"), scoring, CancelToken(), cache or CalibrationCache())
    (found,) = (event for event in events if isinstance(event, Scored))
    return found


def test_calibration_takes_away_what_labels_have_for_nothing() -> None:
    plain = scored(Leaning(TABLE), Scoring(labels=LABELS))
    assert (plain.chosen, plain.is_calibrated) == (("bad",), False)
    assert [round(one.probability, 6) for one in plain.scores] == [0.4, 0.6]
    engine = Leaning(TABLE)
    found = scored(engine, Scoring(labels=LABELS, blanks=("blank", "empty")))
    assert (found.chosen, found.text, found.is_calibrated) == (("good",), "good", True)
    assert [one.label for one in found.scores] == ["good", "bad"]
    assert found.scores[0].probability == pytest.approx(2 / (2 + 0.75))
    assert found.margin == pytest.approx(1.25 / 2.75)
    assert found.scores[0].log_probability == pytest.approx(math.log(0.2))
    assert [text for text, _ in engine.asked] == ["blank", "empty", "fine"]


def test_the_prefill_stands_before_every_label_and_is_no_part_of_the_answer() -> None:
    table = {"fine": {"It is good": 0.3, "It is bad": 0.1}}
    assert scored(Leaning(table), Scoring(labels=LABELS, prefill="It is ")).text == "good"


def test_a_small_margin_is_unsure() -> None:
    table = {"fine": {"good": 0.30, "bad": 0.29}}
    assert scored(Leaning(table), Scoring(labels=LABELS)).is_unsure
    assert not scored(Leaning(table), Scoring(labels=LABELS, least_margin=0.01)).is_unsure


def test_of_several_labels_all_that_are_likely_apply() -> None:
    table = {"fine": {"a": 0.3, "b": 0.05, "c": 0.25}}
    found = scored(Leaning(table), Scoring(labels=("a", "b", "c"), is_multi=True))
    assert (found.chosen, found.text, found.is_unsure) == (("a", "c"), "a, c", False)


def test_calibrations_are_kept_as_floats_by_model_prompt_and_labels(tmp_path: Path) -> None:
    cache = CalibrationCache(tmp_path / "kept")
    scoring = Scoring(labels=LABELS, blanks=("blank",))
    first = scored(Leaning(TABLE), scoring, cache)
    (path,) = (tmp_path / "kept").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert [math.exp(one) for one in json.loads(path.read_text())] == pytest.approx([0.2, 0.8])
    engine = Leaning(TABLE)
    assert scored(engine, scoring, cache) == first
    assert [text for text, _ in engine.asked] == ["fine"], "the blank was not asked again"
    scored(Leaning(TABLE), Scoring(labels=("bad", "good"), blanks=("blank",)), cache)
    scored(Leaning(TABLE), Scoring(labels=LABELS, blanks=("empty",)), cache)
    assert len(list((tmp_path / "kept").iterdir())) == 3
    for damage in (b"", b"[1.0]", b"[NaN, 1.0]", b"[1, 2]", b"{}", b"\xff", b"[" * 10_000):
        path.write_bytes(damage)
        assert scored(Leaning(TABLE), scoring, cache) == first
    path.unlink()
    path.mkdir()
    assert scored(Leaning(TABLE), scoring, cache) == first
    assert len(list((tmp_path / "kept").iterdir())) == 3, "what could not be kept is not left half"


def test_a_label_that_another_goes_on_from_has_only_what_is_its_own() -> None:
    found = exclusive(("a", "ab", "abc", "b"), [math.log(x) for x in (0.5, 0.2, 0.1, 0.3)])
    assert [math.exp(one) for one in found] == pytest.approx([0.2, 0.1, 0.1, 0.3])
    unlike = exclusive(("a", "ab"), [math.log(0.1), math.log(0.4)])
    assert math.exp(unlike[0]) == pytest.approx(0.001)


@given(
    labels=st.lists(st.text("ab", min_size=1, max_size=4), min_size=2, max_size=12, unique=True),
    data=st.data(),
)
def test_whatever_labels_there_are_their_shares_are_one(labels: list[str], data: st.DataObject) -> None:
    number = st.floats(-2000, 0)
    found = data.draw(st.lists(number, min_size=len(labels), max_size=len(labels)))
    prior = data.draw(st.none() | st.lists(number, min_size=len(labels), max_size=len(labels)))
    result = judge(Scoring(labels=tuple(labels)), exclusive(labels, found), prior)
    assert sum(one.probability for one in result.scores) == pytest.approx(1)
    assert 0 <= result.margin <= 1
    assert result.chosen[0] in labels


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ((), "found 0"),
        (("a",), "found 1"),
        (("a", ""), "must not be empty"),
        (("a", " \n"), "must not be empty"),
        (("a", "b", " a"), "'a' stands there twice"),
        (tuple(map(str, range(1001))), "at most 1,000"),
    ],
)
def test_labels_that_cannot_be_told_apart_are_refused(labels: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Scoring(labels=labels)


def request(text: str, **fields: object) -> TurnRequest:
    scoring = Scoring(labels=LABELS, blanks=("blank",))
    return TurnRequest(messages=(Message("user", text),), scoring=scoring)


def test_a_turn_that_scores_is_kept_like_any_other(store: ConversationStore, tmp_path: Path) -> None:
    session = ChatSession(Leaning(TABLE), store, CalibrationCache(tmp_path / "kept"))
    events = list(session.send(request("fine"), CancelToken()))
    kinds = [type(event).__name__ for event in events]
    assert kinds[0] == "TurnStarted"
    assert kinds.index("Scored") < kinds.index("TextDelta")
    finished = events[-1]
    assert isinstance(finished, TurnFinished)
    path = store.path(finished.turn.reply.conversation_id)
    assert [(node.message.content, node.status) for node in path] == [
        ("fine", "complete"), ("good", "complete"),
    ]  # fmt: skip
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_what_is_calibrated_within_a_conversation_is_not_kept(
    store: ConversationStore, tmp_path: Path
) -> None:
    session = ChatSession(Leaning(TABLE), store, CalibrationCache(tmp_path / "kept"))
    first = list(session.send(TurnRequest(messages=(Message("user", "before"),)), CancelToken()))[-1]
    assert isinstance(first, TurnFinished)
    place = {"conversation_id": first.turn.reply.conversation_id, "parent_id": first.turn.reply.id}
    events = list(session.send(request("fine"), CancelToken(), **place))
    assert any(isinstance(event, Scored) and event.is_calibrated for event in events)
    assert not (tmp_path / "kept").exists()


def test_a_cancelled_turn_has_no_label(store: ConversationStore) -> None:
    cancel = CancelToken()
    cancel.cancel()
    events = list(ChatSession(Leaning(TABLE), store).send(request("fine"), cancel))
    assert not any(isinstance(event, Scored | TextDelta) for event in events)
    assert [event.reason for event in events if isinstance(event, Finished)] == ["cancelled"]


def test_an_engine_without_probabilities_says_so(store: ConversationStore) -> None:
    assert not EchoEngine().describe().can_score
    assert ModelCard(name="m", identity="m", context_length=1, num_parameters=None).can_score
    with pytest.raises(Unsupported, match="echo"):
        list(ChatSession(EchoEngine(), store).send(request("fine"), CancelToken()))
