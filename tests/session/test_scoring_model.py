"""Labels of every kind, scored by a real engine on random weights."""

from collections.abc import Iterator

import pytest

from chatterm.conversation import Message
from chatterm.engine.base import CancelToken
from chatterm.engine.local.engine import LocalEngine
from chatterm.errors import DoesNotFit
from chatterm.session import CalibrationCache, Scored, Scoring
from chatterm.session.scoring import score_reply
from tests.support.gguf_files import tiny_gguf


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    opened = LocalEngine.open(tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf"), name="tiny")
    yield opened
    opened.close()


def score(engine: LocalEngine, labels: tuple[str, ...], text: str = "a question") -> Scored:
    scoring = Scoring(labels=labels, blanks=("nothing", "none"))
    events = score_reply(engine, [Message("user", text)], scoring, CancelToken(), CalibrationCache())
    (found,) = (event for event in events if isinstance(event, Scored))
    return found


@pytest.mark.parametrize(
    "labels",
    [
        ("positive", "position", "pose"),
        ("a", "aa", "aaa", "aaaa"),
        ("yes", "yes, but", "yes, but no"),
        ("正面", "负面", "负"),
        ("<|im_end|>", "<|im_start|>user\n", "</s>"),
        ("\x1b[31m", "\ud7ff", "👩‍👩‍👧", "a\nb"),
        ("x" * 50, "x" * 51),
    ],
)
def test_labels_of_every_kind_are_told_apart(engine: LocalEngine, labels: tuple[str, ...]) -> None:
    found = score(engine, labels)
    assert [one.label for one in found.scores] == [label.strip() for label in labels]
    assert sum(one.probability for one in found.scores) == pytest.approx(1)
    assert len({round(one.log_probability, 9) for one in found.scores}) == len(labels)


@pytest.mark.parametrize("num_labels", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_labels(engine: LocalEngine, num_labels: int) -> None:
    found = score(engine, tuple(f"label {number}" for number in range(num_labels)))
    assert sum(one.probability for one in found.scores) == pytest.approx(1)


def test_labels_that_do_not_fit_the_context_are_refused(engine: LocalEngine) -> None:
    with pytest.raises(DoesNotFit):
        score(engine, ("x" * 600, "y"))
    with pytest.raises(DoesNotFit):
        score(engine, ("x", "y"), "word " * 600)
