"""Constraints that would take all the time or memory there is are refused in a line, and all goes on."""

import json
import logging
import resource
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatterm.engine.base import Choices, Constraint, JsonSchema, Regex
from chatterm.errors import UsageError
from tests.support.constrained_speech import Case, make_case
from tests.support.folder_mutations import ABSURD, json_changes
from tests.support.json_schemas import SCHEMAS, Schema, closed
from tests.support.vocabularies import byte_level, default_metadata


@pytest.fixture(scope="module")
def default_case(default_model: Path) -> Case:
    return make_case(default_metadata(default_model))


@pytest.fixture(scope="module")
def byte_case() -> Case:
    return make_case({**byte_level(control=["<|end|>"]), "tokenizer.ggml.eos_token_id": 0})


def recursive_refs(depth: int) -> Schema:
    chain: Schema = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(depth)}
    return {"$defs": {**chain, f"d{depth}": {"type": "null"}}, "$ref": "#/$defs/d0"}


def doubling(depth: int) -> Schema:
    halves: Schema = {
        f"d{n}": closed({"a": {"$ref": f"#/$defs/d{n + 1}"}, "b": {"$ref": f"#/$defs/d{n + 1}"}})
        for n in range(depth)
    }
    return {"$defs": {**halves, f"d{depth}": {"type": "null"}}, "$ref": "#/$defs/d0"}


def crossed(count: int) -> Schema:
    pairs = [
        {"anyOf": [{"properties": {f"p{n}": {"type": kind}}} for kind in ("integer", "string")]}
        for n in range(count)
    ]
    return {"type": "object", "allOf": pairs}


def as_schema(schema: Schema) -> JsonSchema:
    return JsonSchema(json.dumps(schema))


HOSTILE: dict[str, Callable[[], Constraint]] = {
    "a million letters": lambda: Regex("(a{1000}){1000}"),
    "a billion letters": lambda: Regex("((a{1000}){1000}){1000}"),
    "counted choices": lambda: Regex("((a|ab|b){1,500}c){1,500}"),
    "stars of stars": lambda: Regex("((((a*)*)*)*)*b"),
    "states without end": lambda: Regex("(.*a){30}.*"),
    "remembering a thousand": lambda: Regex(".*a.{1000}"),
    "many classes": lambda: Regex(r"(\w|\d|\p{Han}){1000}x"),
    "five thousand brackets": lambda: Regex("(" * 5000 + "a" + ")" * 5000),
    "a megabyte of words": lambda: Regex("|".join(f"word{n}" for n in range(90_000))),
    "nothing": lambda: Regex(r"[^\s\S]"),
    "references 10,000 deep": lambda: as_schema(recursive_refs(10_000)),
    "doubling": lambda: as_schema(doubling(40)),
    "crossed": lambda: as_schema(crossed(20)),
    "a huge enum": lambda: as_schema({"enum": [f"value {n}" for n in range(60_000)]}),
    "five thousand properties": lambda: as_schema({"properties": {f"k{n}": {} for n in range(5_000)}}),
    "a prime multiple": lambda: as_schema({"type": "integer", "multipleOf": 1_000_003}),
    "a pattern of a million": lambda: as_schema({"type": "string", "pattern": "^(a{1000}){1000}$"}),
    "a million items": lambda: as_schema({"type": "array", "minItems": 10**6}),
    "a billion letters at least": lambda: as_schema({"type": "string", "minLength": 10**9}),
    "arrays 500 deep": lambda: JsonSchema('{"items":' * 500 + "{}" + "}" * 500),
    "options of its own": lambda: as_schema({"x-guidance": {"lenient": True, "whitespace_pattern": "("}}),
    "a megabyte of choices": lambda: Choices(tuple(f"{n:x}" * 2 for n in range(100_000))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_constraints_are_refused_or_work_within_2_seconds(
    default_case: Case, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    default_case.compiler.open(Choices(("warm",)))
    before = memory_mb()
    begun = time.process_time() + children_s()
    message = refusal_of(partial(default_case.speak, HOSTILE[name](), seed=1))
    assert "\n" not in message
    assert len(message) < 400
    assert time.process_time() + children_s() - begun < 4, "2 s to refuse or to open, and 150 steps"
    assert memory_mb() - before < 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "constraint",
    [
        Regex("SECRET[a-c]"),
        Regex("SECRET("),
        as_schema({"const": "SECRET"}),
        as_schema({"type": "SECRET"}),
        Choices(("SECRET", "SECRETS")),
    ],
)
def test_no_text_reaches_a_log_or_the_terminal(
    byte_case: Case,
    constraint: Constraint,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.DEBUG):
        refusal_of(partial(byte_case.speak, constraint, seed=1))
        refusal_of(partial(byte_case.speak, constraint, seed=1, prefill="SECRETLY"))
    assert "SECRET" not in caplog.text
    assert capfd.readouterr() == ("", "")


def refusal_of(action: Callable[[], object]) -> str:
    """Return the message of the UsageError that `action` raises; empty where it raises none."""
    try:
        action()
    except UsageError as error:
        return str(error)
    return ""


def memory_mb() -> float:
    """Of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


_PIECES = [
    "a", "b", ".", r"\d", r"\w", "[^a]", "[a-z]", "(", "(?:", ")", "|", "*", "+", "?", "{2}", "{0,5}",
    "{1000}", "{3,}", "^", "$", r"\b", r"\p{Han}", r"\x00", "é", "(?i)", "(?s)", r"\n", "/", r"\/", r"\1",
    "(?=", "{",
    "}", "\\", "[", "]", "-", "[[:alpha:]]",
]  # fmt: skip
_TWISTS = [
    *ABSURD, {"type": "string", "pattern": "(a*)*{500}"}, {"$ref": "#"}, {"$ref": "#/$defs/tree"},
    {"anyOf": [{}, {}]}, {"multipleOf": 1e-9}, {"maxLength": 2**40}, {"minItems": 10**9}, {"format": "date"},
]  # fmt: skip
ODD_CONSTRAINTS = st.one_of(
    st.lists(st.sampled_from(_PIECES), min_size=1, max_size=12).map(
        lambda pieces: ("regex", "".join(pieces))
    ),
    st.one_of(*(json_changes(schema, _TWISTS) for name, schema in SCHEMAS.items() if schema)).map(
        lambda schema: ("schema", json.dumps(schema))
    ),
)


def check_odd_constraints(case: Case, capfd: pytest.CaptureFixture[str], count: int) -> Counter[str]:
    """Speak under so many; each works or is refused in a line. Return how often each came."""
    outcomes: Counter[str] = Counter()

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
    @given(odd=ODD_CONSTRAINTS)
    def check(odd: tuple[str, str]) -> None:
        kind, text = odd
        begun = time.process_time() + children_s()
        message = refusal_of(lambda: case.speak(Regex(text) if kind == "regex" else JsonSchema(text), seed=1))
        assert time.process_time() + children_s() - begun < 4
        assert "\n" not in message
        assert "panic" not in message
        assert len(message) < 400
        outcomes["refused" if message else "spoken"] += 1

    check()
    assert capfd.readouterr() == ("", "")
    return outcomes


def test_odd_constraints_work_or_are_refused(byte_case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = check_odd_constraints(byte_case, capfd, 40)
    assert min(outcomes["refused"], outcomes["spoken"]) > 4


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_odd_constraints_work_or_are_refused(byte_case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    check_odd_constraints(byte_case, capfd, 1_000)
