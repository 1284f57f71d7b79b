"""Every value of the seam crosses the wire as it is, in pieces of any size, and nothing else does."""

import dataclasses
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm import errors
from chatterm.conversation import Message, ModelCard, Usage
from chatterm.engine import base, wire
from chatterm.engine.base import (
    Alternative,
    Choices,
    Finished,
    GenerationRequest,
    JsonSchema,
    PrefillProgress,
    Regex,
    SamplingParams,
    TextDelta,
    TokenCount,
    TokenDetail,
)
from chatterm.engine.registry import EchoModel, EngineOptions
from chatterm.errors import BadModelFile, ChattermError, DoesNotFit, EngineLost, UnknownName
from chatterm.models.catalogue import load_catalogue
from chatterm.models.discovery import ModelFile

ANY_TEXT = st.text(st.characters(), max_size=30)
"""With lone surrogates: file names and arguments hold them."""
UTF8 = st.text(max_size=30)
NUMBERS = st.integers(0, 2**40)
FLOATS = st.floats(allow_nan=False)

messages = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), ANY_TEXT)
samplings = st.builds(
    SamplingParams,
    temperature=st.floats(0, 2),
    top_p=st.floats(0, 1),
    seed=st.integers(0, 2**63 - 1),
    max_tokens=st.integers(1, 10**6),
    stop=st.lists(ANY_TEXT.filter(bool), max_size=3).map(tuple),
    loop_detection=st.booleans(),
)
constraints = st.one_of(
    st.none(),
    st.just(JsonSchema('{"type": "object", "title": "名"}')),
    st.builds(Regex, UTF8.filter(bool)),
    st.lists(UTF8.filter(bool), min_size=1, max_size=4, unique=True).map(
        lambda options: Choices(tuple(options))
    ),
)
requests = st.builds(
    GenerationRequest,
    messages=st.lists(messages, max_size=3).map(tuple),
    prefill=ANY_TEXT,
    sampling=samplings,
    num_samples=st.integers(1, 9),
    constraint=constraints,
    num_alternatives=st.none() | st.integers(0, 100),
)
alternatives = st.lists(st.builds(Alternative, NUMBERS, ANY_TEXT, FLOATS), max_size=2).map(tuple)
details = st.builds(
    TokenDetail,
    token_id=NUMBERS,
    text=ANY_TEXT,
    offset=NUMBERS,
    log_probability=FLOATS,
    drawn_log_probability=FLOATS,
    alternatives=alternatives,
    drawn_alternatives=alternatives,
)
usages = st.builds(Usage, NUMBERS, NUMBERS, NUMBERS, FLOATS, FLOATS)
stream_events = st.one_of(
    st.builds(PrefillProgress, NUMBERS, NUMBERS, NUMBERS),
    st.builds(
        TextDelta,
        NUMBERS,
        NUMBERS,
        ANY_TEXT,
        st.lists(NUMBERS, max_size=3).map(tuple),
        st.lists(details, max_size=2).map(tuple),
    ),
    st.builds(
        Finished, NUMBERS, NUMBERS, st.sampled_from(["end", "stop", "length", "loop", "cancelled"]), usages
    ),
)
cards = st.builds(
    ModelCard,
    name=ANY_TEXT,
    identity=ANY_TEXT,
    context_length=NUMBERS,
    num_parameters=st.none() | NUMBERS,
    languages=st.lists(ANY_TEXT, max_size=3).map(tuple),
    has_system_role=st.booleans(),
    notices=st.lists(ANY_TEXT, max_size=3).map(tuple),
)
options = st.builds(
    EngineOptions,
    context_length=st.none() | NUMBERS,
    device=st.none() | ANY_TEXT,
    has_prompt_lookup=st.booleans(),
    cache=ANY_TEXT.filter(lambda text: "\0" not in text).map(Path),
)
models = st.one_of(
    st.builds(EchoModel, st.none() | FLOATS),
    st.builds(ModelFile, ANY_TEXT.map(Path), ANY_TEXT, st.sampled_from([None, *load_catalogue().entries])),
)
values = st.one_of(
    *(messages, requests, stream_events, cards, options, models, usages),
    st.builds(TokenCount, NUMBERS, st.booleans()),
    st.lists(FLOATS, max_size=3).map(tuple),
    st.none(),
)
frames = st.one_of(
    st.builds(wire.Open, NUMBERS, models, options),
    st.builds(wire.Stream, NUMBERS, st.lists(requests, max_size=2).map(tuple), NUMBERS, st.booleans()),
    st.lists(st.builds(wire.Event, NUMBERS, stream_events), max_size=3).map(tuple),
    st.builds(wire.Value, NUMBERS, values),
    st.builds(wire.Beat, FLOATS),
)


def crossed(value: object) -> Any:  # Any: whatever it was
    (arrived,) = wire.FrameReader().feed(wire.encode_frame(value))
    return arrived


@given(values)
def test_every_value_arrives_as_it_was(value: object) -> None:
    arrived = crossed(value)
    assert arrived == value
    assert type(arrived) is type(value)


@given(st.lists(frames, max_size=4), st.data())
def test_frames_may_come_in_pieces_of_any_size(sent: list[object], data: st.DataObject) -> None:
    stream = b"".join(map(wire.encode_frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = wire.FrameReader()
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [value for piece in pieces for value in reader.feed(piece)] == sent


def test_every_value_of_the_seam_is_known() -> None:
    """A class that is added to engine/base.py must be added to the wire, and to these tests."""
    of_the_seam = {
        kind
        for kind in vars(base).values()
        if isinstance(kind, type)
        and kind.__module__ == base.__name__
        and (dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"))
    }
    assert len(of_the_seam) >= 11
    assert of_the_seam <= set(wire.VALUES)


@pytest.mark.parametrize(
    "error",
    [
        BadModelFile("m.gguf is no GGUF file: é \udc80"),
        DoesNotFit(9000, 8191, "shorten the input"),
        UnknownName("device", "cuba", ["cuda", "cpu"]),
        *(
            kind("said")
            for name, kind in vars(errors).items()
            if kind in ChattermError.__subclasses__()
            if kind is not DoesNotFit
        ),
    ],
)
def test_an_error_arrives_as_its_own_class(error: ChattermError) -> None:
    arrived = crossed(wire.Failure(3, error)).error
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert arrived.exit_code == error.exit_code
    assert vars(arrived) == vars(error)


def test_an_error_of_no_known_class_arrives_as_its_nearest_one() -> None:
    class OwnError(EngineLost):
        pass

    assert type(crossed(OwnError("gone"))) is EngineLost


@pytest.mark.parametrize("value", [{"a": 1}, {1, 2}, object(), b"bytes", 1j, ValueError("x")])
def test_what_is_none_of_its_values_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot cross"):
        wire.encode_frame(wire.Value(1, value))


def frame_of(payload: bytes, version: int = wire.VERSION) -> bytes:
    return struct.pack("!II", version, len(payload)) + payload


@pytest.mark.parametrize(
    "frame",
    [
        frame_of(b"null", version=wire.VERSION ^ 1),
        struct.pack("!II", wire.VERSION, 2**30 + 1),
        b"Traceback (most recent call last):",
        frame_of(b"{"),
        frame_of(b"\xff\xfe"),
        frame_of(b"[" * 100_000),
        frame_of(b'{"Popen":["ls"]}'),
        frame_of(b'{"Message":["user"]}'),
        frame_of(b'{"Message":["user","a","b"]}'),
        frame_of(b'{"Message":["user","a"],"Beat":[1]}'),
        frame_of(b"{}"),
        frame_of(b'{"Message":5}'),
        frame_of(b'{"Error":["SystemExit","x",[]]}'),
        frame_of(json.dumps({"GenerationRequest": [[], "", {"Choices": [[]]}, 0, None, None]}).encode()),
    ],
)
def test_what_is_no_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.FrameReader().feed(frame)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waited_for(garbage: bytes) -> None:
    reader = wire.FrameReader()
    try:
        assert reader.feed(garbage) == []
    except wire.WireError:
        assert len(garbage) >= 8
