"""The echo engine keeps the contract of every engine, and says what it is told to say."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.engine.base import CancelToken, Choices, SamplingParams
from chatterm.engine.echo import EchoEngine
from chatterm.engine.registry import EchoModel, EngineOptions, open_engine
from chatterm.errors import ChattermError, Unsupported, UsageError
from tests.engine.contract import EngineContract, ask, ends_of, run, text_of


class TestEchoEngine(EngineContract):
    """The contract."""

    @pytest.fixture
    def engine(self) -> EchoEngine:
        return EchoEngine()


def test_it_says_back_what_was_said_last() -> None:
    assert text_of(run(EchoEngine(), ask("one  two\n"))) == "one  two\n"


def test_scripted_replies_come_in_turn_and_again() -> None:
    engine = EchoEngine(["a", "b"])
    assert [text_of(run(engine, ask("x"))) for _ in range(3)] == ["a", "b", "a"]


def test_it_takes_its_time() -> None:
    start = time.perf_counter()
    run(EchoEngine(tokens_per_s=100), ask("a b c d e f g h i j"))
    assert time.perf_counter() - start >= 0.1


def test_a_stop_string_ends_the_reply_before_itself() -> None:
    events = run(EchoEngine(), ask("one two three", sampling=SamplingParams(stop=("three", "two"))))
    assert text_of(events) == "one "
    assert ends_of(events)[0].reason == "stop"


def test_alternatives_are_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="echo engine"):
        run(EchoEngine(), replace(ask(), num_alternatives=0))


def test_a_constraint_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="echo engine"):
        run(EchoEngine(), replace(ask(), constraint=Choices(("yes", "no"))))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("echo", EchoModel()),
        ("echo:20", EchoModel(20.0)),
        ("echo:0.5", EchoModel(0.5)),
        ("echoes", None),
        ("x", None),
    ],
)
def test_echo_models_by_name(name: str, model: EchoModel | None) -> None:
    assert EchoModel.from_name(name) == model


@pytest.mark.parametrize("name", ["echo:", "echo:0", "echo:-1", "echo:fast", "echo:inf", "echo:nan"])
def test_a_rate_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="echo:RATE"):
        EchoModel.from_name(name)


def test_the_registry_opens_it_with_the_context_asked_for(tmp_path: Path) -> None:
    options = EngineOptions(context_length=50, cache=tmp_path)
    engine = open_engine(EchoModel(), options)
    assert engine.describe().context_length == 50
    with pytest.raises(ChattermError, match="fit"):
        list(engine.stream([ask("word " * 60)], CancelToken()))
