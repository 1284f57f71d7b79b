"""The wire between an engine's host process and its client: every value of `engine.base`, as framed JSON.

A frame is a version and a length (two unsigned 32-bit numbers, big-endian) and so many bytes of JSON. The
version is a checksum of the table of values below, so that two sides that would misunderstand each other
refuse each other. Never pickle: what comes off the wire can only become one of these values. A value is
`{"its class": [its fields in order]}`, a tuple or list is an array and is read as a tuple, and an error is
its class, message and attributes. Lone surrogates pass (file names have them), and so do infinities.

Knows neither sockets nor processes.
"""

import dataclasses
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatterm import errors
from chatterm.conversation import Message, ModelCard, Usage
from chatterm.engine.base import (
    Alternative,
    Choices,
    Finished,
    GenerationRequest,
    JsonSchema,
    PrefillProgress,
    Regex,
    SamplingParams,
    StreamEvent,
    TextDelta,
    TokenCount,
    TokenDetail,
)
from chatterm.engine.registry import EchoModel, EngineOptions
from chatterm.errors import ChattermError
from chatterm.models.catalogue import CatalogueEntry, PackageSource
from chatterm.models.discovery import ModelFile

MAX_FRAME_BYTES = 2**30
"""More than any request: what claims more is no frame."""


@dataclass(frozen=True, slots=True)
class Open:
    """To the host, first and once: load this model. It answers with a Value, the card, or a Failure."""

    call: int
    model: ModelFile | EchoModel
    options: EngineOptions


@dataclass(frozen=True, slots=True)
class Count:
    """To the host: answered by a Value, a TokenCount."""

    call: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """To the host: answered by a Value, the log-probabilities."""

    call: int
    messages: tuple[Message, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """To the host: answered by Events, then a Value (None) or a Failure."""

    call: int
    requests: tuple[GenerationRequest, ...]
    room: int
    """How many events may be on their way; more by More."""
    is_cancelled: bool
    """As its CancelToken stands."""


@dataclass(frozen=True, slots=True)
class More:
    """To the host: so many events of a stream were taken."""

    call: int
    num_events: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the host: set the stream's CancelToken."""

    call: int


@dataclass(frozen=True, slots=True)
class Drop:
    """To the host: nobody reads this stream any more; close it."""

    call: int


@dataclass(frozen=True, slots=True)
class Event:
    """From the host: the next event of a stream."""

    call: int
    event: StreamEvent


@dataclass(frozen=True, slots=True)
class Value:
    """From the host: what a call returned. The call is over."""

    call: int
    value: object


@dataclass(frozen=True, slots=True)
class Failure:
    """From the host: what a call raised. The call is over."""

    call: int
    error: ChattermError


@dataclass(frozen=True, slots=True)
class Beat:
    """From the host, about every half second: it runs, and has used so much CPU time in all, in seconds."""

    cpu_s: float


Request = Open | Count | Score | Stream | More | Cancel | Drop
Answer = Event | Value | Failure | Beat


class WireError(Exception):
    """What came off the wire is no frame of this version."""


def encode_frame(value: object) -> bytes:
    """Return the frame of one value. Raises TypeError for what is none of the wire's."""
    text = json.dumps(_pack(value), ensure_ascii=False, separators=(",", ":"))
    payload = text.encode("utf-8", "surrogatepass")
    return _HEAD.pack(VERSION, len(payload)) + payload


class FrameReader:
    """Puts frames together from bytes in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:  # Any: whatever was sent; who receives checks it by `match`
        """Return the values that are whole by now. Raises WireError for what is no frame."""
        self._buffer += data
        values: list[Any] = []
        start = 0
        while (end := self._end(start)) is not None:
            values.append(_decode(bytes(self._buffer[start + _HEAD.size : end])))
            start = end
        del self._buffer[:start]
        return values

    def _end(self, start: int) -> int | None:
        """Return where the frame at `start` ends; None where it is not whole."""
        if len(self._buffer) - start < _HEAD.size:
            return None
        version, length = _HEAD.unpack_from(self._buffer, start)
        if version != VERSION or length > MAX_FRAME_BYTES:
            raise WireError(f"a frame of version {version:08x} and {length:,} bytes, not {VERSION:08x}")
        end = start + _HEAD.size + int(length)
        return end if len(self._buffer) >= end else None


def _pack(value: object) -> object:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if fields := _FIELDS.get(kind):
        return {kind.__name__: [_pack(getattr(value, name)) for name in fields]}
    if kind is tuple or kind is list:
        return [_pack(one) for one in value]  # type: ignore[attr-defined]  # by its kind
    if isinstance(value, Path):
        return {_PATH: [str(value)]}
    if isinstance(value, ChattermError):
        return {_ERROR: [_known_class(value).__name__, str(value), _pack(list(_attributes(value)))]}
    raise TypeError(f"a {kind.__name__} cannot cross the wire")


def _decode(payload: bytes) -> Any:  # Any: see `feed`
    try:
        return _frozen(json.loads(payload.decode("utf-8", "surrogatepass"), object_hook=_unpack))
    except (ValueError, TypeError, KeyError, RecursionError, errors.UsageError) as error:
        raise WireError(f"a frame that means nothing: {type(error).__name__}") from error


def _unpack(packed: dict[str, list[Any]]) -> object:  # Any: of JSON
    ((name, fields),) = packed.items()
    return _MAKERS[name](*map(_frozen, fields))


def _frozen(value: Any) -> Any:  # Any: of JSON
    return tuple(map(_frozen, value)) if type(value) is list else value


def _known_class(error: ChattermError) -> type[ChattermError]:
    """Return the nearest of its classes that both sides know."""
    return next(kind for kind in type(error).__mro__ if _ERRORS.get(kind.__name__) is kind)


def _attributes(error: ChattermError) -> list[tuple[str, object]]:
    return [(name, value) for name, value in vars(error).items() if type(value) in _PLAIN]


def _make_error(name: str, message: str, attributes: tuple[tuple[str, object], ...]) -> ChattermError:
    """Make the error without its own __init__, whose arguments are in its message by now."""
    kind = _ERRORS[name]
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    vars(error).update(attributes)
    return error


_HEAD = struct.Struct("!II")
_PLAIN = frozenset({type(None), bool, int, float, str})
_PATH, _ERROR = "Path", "Error"

VALUES: tuple[type, ...] = (
    *(Message, Usage, ModelCard, TokenCount),
    *(SamplingParams, JsonSchema, Regex, Choices, GenerationRequest),
    *(PrefillProgress, Alternative, TokenDetail, TextDelta, Finished),
    *(EchoModel, ModelFile, CatalogueEntry, PackageSource, EngineOptions),
    *(Open, Count, Score, Stream, More, Cancel, Drop),
    *(Event, Value, Failure, Beat),
)
"""Every class that may cross."""


def _fields_of(kind: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]  # a NamedTuple
    return names


def _maker(kind: type) -> Callable[..., object]:
    """Return what makes a `kind` of its fields in order, also where it takes them by name alone."""
    names = _fields_of(kind)
    return lambda *fields: kind(**dict(zip(names, fields, strict=True)))


_FIELDS: Mapping[type, tuple[str, ...]] = {kind: _fields_of(kind) for kind in VALUES}
_ERRORS: Mapping[str, type[ChattermError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ChattermError)
}
_MAKERS: Mapping[str, Callable[..., object]] = {
    **{kind.__name__: _maker(kind) for kind in VALUES},
    _PATH: Path,
    _ERROR: _make_error,
}

VERSION = zlib.crc32(repr([(kind.__name__, _FIELDS[kind]) for kind in VALUES] + sorted(_ERRORS)).encode())
"""Of the table of values: another one is another language."""
