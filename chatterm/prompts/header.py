"""The front matter of a prompt, typed: which keys there are, and what each may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from chatterm.conversation import Tier
from chatterm.errors import InputRefused, PromptError
from chatterm.prompts.expectations import PromptTest, read_tests
from chatterm.prompts.front_matter import Items, Node, Scalar
from chatterm.prompts.front_matter import Mapping as MappingNode
from chatterm.prompts.inputs import INPUT_TYPES, InputSpec, InputType, read_value
from chatterm.prompts.output import OutputSpec, Surroundings, read_output
from chatterm.prompts.plans import LongPlan, VerifyPlan, read_long, read_verify
from chatterm.prompts.problems import Place, Problem
from chatterm.prompts.reader import LANGUAGE_CODE, Fields, Reader

TIERS: tuple[Tier, ...] = get_args(Tier)
Guard = Literal["education", "medical", "legal", "finance"]
GUARDS: tuple[Guard, ...] = get_args(Guard)
SamplingValue = float | int | tuple[str, ...]

FORMAT_VERSION = 1
_KEYS = (
    *("chatterm", "version", "title", "purpose", "tags", "inputs", "languages", "output", "sampling"),
    *(
        "shots",
        "long",
        "guard",
        "guard_off",
        "verify",
        "min_tier",
        "tried",
        "tests",
        "base",
        "extends",
        "use",
    ),
)
_DRAFTS = "draft"
_REQUIRED = ("chatterm", "version", "title", "languages")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptHeader:
    """What the front matter says."""

    version: int
    title: Mapping[str, str]
    """By language; the key '' serves all."""
    purpose: Mapping[str, str]
    tags: tuple[str, ...]
    inputs: tuple[InputSpec, ...]
    languages: tuple[str, ...]
    output: OutputSpec
    sampling: Mapping[str, SamplingValue]
    """By the names of SamplingParams; only what the file sets."""
    shots: Mapping[Tier, int]
    """How many examples are sent, per tier of the model."""
    long: LongPlan
    guard: tuple[Guard, ...]
    guard_off: str
    """Why a domain prompt of the user's own goes without its guard pack; empty where it does not."""
    verify: VerifyPlan
    min_tier: Tier
    tried: Mapping[str, str]
    """How many of the tests passed, by the model they were run on: `en 2/3, zh 0/3`."""
    tests: tuple[PromptTest, ...]
    base: str
    """What an override started from, `general/summarize@3`; empty where nothing."""
    extends: str
    """The id of the prompt whose keys and sections it takes over; empty where none."""
    uses: tuple[str, ...]
    """The ids of the snippets below its sections."""
    given: tuple[str, ...]
    """The keys the file has; those of `output` with their prefix."""
    places: Mapping[str, Place]
    """Where each top-level key and each input (`inputs.name`) stands."""

    @property
    def document_input(self) -> InputSpec | None:
        """The input that takes what is piped or named with -f."""
        return next((spec for spec in self.inputs if spec.type == "document"), None)

    @property
    def writes_drafts(self) -> bool:
        """Whether the replies are drafts that a person decides on, which a line above them says."""
        return _DRAFTS in self.tags


def in_language(texts: Mapping[str, str], lang: str) -> str:
    """Return the text for `lang`, else the one for all, else any."""
    return texts.get(lang) or texts.get("") or next(iter(texts.values()), "")


def read_header(node: MappingNode) -> tuple[PromptHeader | None, list[Problem]]:
    """Return the typed front matter, or None where a problem keeps it from being used."""
    reader = Reader()
    fields = reader.fields(node, "", _KEYS)
    for name in _REQUIRED:
        if name not in fields:
            reader.note("E08", f"the key {name!r} is missing", Place(1, 1, 3), f"add a line: {_sample(name)}")
    header = _header(reader, fields, {key.text: key.place for key, _ in node.entries})
    return (None if reader.problems else header), reader.problems


def _sample(name: str) -> str:
    samples = {"chatterm": "chatterm: 1", "version": "version: 1", "languages": "languages: [en, zh]"}
    return samples.get(name, "title: {en: Lab report in plain words, zh: 通俗解读化验单}")


def _header(reader: Reader, fields: Fields, places: dict[str, Place]) -> PromptHeader:
    _check_format(reader, fields.get("chatterm"))
    inputs = _inputs(reader, fields.get("inputs"), places)
    languages = reader.texts(fields.get("languages"), "languages")
    output, output_keys = read_output(reader, fields.get("output"), Surroundings(inputs, languages))
    return PromptHeader(
        version=reader.whole(fields.get("version"), "version", 1, 10**6) or 1,
        title=reader.localized(fields.get("title"), "title"),
        purpose=reader.localized(fields.get("purpose"), "purpose"),
        tags=reader.texts(fields.get("tags"), "tags"),
        inputs=inputs,
        languages=_languages(reader, languages, fields.get("languages")),
        output=output,
        sampling=_sampling(reader, fields.get("sampling")),
        shots=_shots(reader, fields.get("shots")),
        long=read_long(reader, fields.get("long"), inputs),
        guard=cast(tuple[Guard, ...], reader.choices(fields.get("guard"), "guard", GUARDS)),
        guard_off=reader.text(fields.get("guard_off"), "guard_off"),
        verify=read_verify(reader, fields.get("verify")),
        min_tier=cast(Tier, reader.choice(fields.get("min_tier"), "min_tier", TIERS, "tiny")),
        tried=_tried(reader, fields.get("tried")),
        tests=read_tests(reader, fields.get("tests"), inputs, languages),
        base=reader.text(fields.get("base"), "base"),
        extends=reader.text(fields.get("extends"), "extends"),
        uses=reader.texts(fields.get("use"), "use"),
        given=(*fields, *(f"output.{key}" for key in output_keys)),
        places=places,
    )


def _check_format(reader: Reader, node: Node | None) -> None:
    version = reader.whole(node, "chatterm", 1, 10**6)
    if node and version is not None and version != FORMAT_VERSION:
        advice = f"this chatterm reads format {FORMAT_VERSION}; a newer chatterm may read this file"
        reader.note("E11", f"format version {version}", node.place, advice)


def _languages(reader: Reader, languages: tuple[str, ...], node: Node | None) -> tuple[str, ...]:
    wrong = [lang for lang in languages if not LANGUAGE_CODE.fullmatch(lang)]
    if isinstance(node, Items) and (wrong or not languages):
        advice = "name at least one by its short code: [en, zh]"
        reader.note("E10", "languages are not language codes", node.place, advice)
    return languages


def _sampling(reader: Reader, node: Node | None) -> dict[str, SamplingValue]:
    ranges = {"temperature": (0, 2), "top_p": (0.01, 1), "min_p": (0, 1)}
    counts = {"top_k": (0, 10**6), "max_tokens": (1, 10**6)}
    fields = reader.fields(node, "sampling", (*ranges, *counts, "stop"))
    found: dict[str, SamplingValue | None] = {
        key: reader.number(fields[key], f"sampling.{key}", *limits)
        for key, limits in ranges.items()
        if key in fields
    }
    for key, (low, high) in counts.items():
        found[key] = reader.whole(fields.get(key), f"sampling.{key}", low, high)
    if "stop" in fields:
        found["stop"] = _stop(reader, fields["stop"])
    return {key: value for key, value in found.items() if value is not None}


def _stop(reader: Reader, node: Node) -> tuple[str, ...]:
    stop = reader.texts(node, "sampling.stop")
    if not all(stop) or len(stop) > 16:
        advice = "1 to 16 texts that are not empty"
        reader.note("E10", "sampling.stop has an empty or too many texts", node.place, advice)
    return stop


def _shots(reader: Reader, node: Node | None) -> dict[Tier, int]:
    fields = reader.fields(node, "shots", TIERS)
    counts = {tier: reader.whole(fields.get(tier), f"shots.{tier}", 0, 16) for tier in TIERS}
    return {tier: count or 0 for tier, count in counts.items()} if node else {}


def _tried(reader: Reader, node: Node | None) -> dict[str, str]:
    entries = reader.entries(node, "tried")
    return {key.text: reader.text(value, f"tried.{key.text}") for key, value in entries}


def _inputs(reader: Reader, node: Node | None, places: dict[str, Place]) -> tuple[InputSpec, ...]:
    specs: list[InputSpec] = []
    for key, value in reader.entries(node, "inputs"):
        places[f"inputs.{key.text}"] = key.place
        if not (key.text.isascii() and key.text.isidentifier() and key.text.islower()):
            advice = "lower-case ASCII letters, digits and _, as in party_name"
            reader.note("E10", f"{key.text!r} cannot be the name of an input", key.place, advice)
            continue
        specs.append(_input(reader, key, value))
    if sum("stdin" in spec.sources for spec in specs) > 1:
        advice = "only one document takes what is piped; give the others from: [file]"
        reader.note("E10", "two inputs take stdin", places["inputs"], advice)
    return tuple(specs)


def _input(reader: Reader, key: Scalar, node: Node) -> InputSpec:
    name = key.text
    known = ("type", "required", "default", "values", "max_chars", "from", "label")
    fields = reader.fields(node, f"inputs.{name}", known)
    implied = "document" if "from" in fields or name == "document" else "text"
    spec = InputSpec(
        name=name,
        type=cast(InputType, reader.choice(fields.get("type"), f"inputs.{name}.type", INPUT_TYPES, implied)),
        is_required=reader.truth(fields.get("required"), f"inputs.{name}.required", "default" not in fields),
        default=reader.spelled(fields.get("default"), f"inputs.{name}.default"),
        choices=tuple(
            reader.spelled(item, f"an item of inputs.{name}.values") or ""
            for item in reader.items(fields.get("values"), f"inputs.{name}.values")
        ),
        max_chars=reader.whole(fields.get("max_chars"), f"inputs.{name}.max_chars", 1, 10**9),
        sources=_sources(reader, fields, name, implied),
        label=reader.localized(fields.get("label"), f"inputs.{name}.label"),
    )
    _check_input(reader, spec, key, fields)
    return spec


def _sources(reader: Reader, fields: Fields, name: str, implied: str) -> tuple[str, ...]:
    sources = reader.choices(fields.get("from"), f"inputs.{name}.from", ("stdin", "file", "paste"))
    return sources or (("stdin", "file", "paste") if implied == "document" else ())


def _check_input(reader: Reader, spec: InputSpec, key: Scalar, fields: Fields) -> None:
    if (spec.type == "enum") != bool(spec.choices):
        advice = "an enum has values: [a, b], and nothing else has"
        reader.note("E10", f"inputs.{spec.name} is {spec.type}", key.place, advice)
    elif spec.type == "document" and spec.default is not None:
        reader.note("E26", "a document with a default", fields["default"].place, "write required: false")
    elif spec.type != "document" and "from" in fields:
        advice = "only a document is piped or named by -f"
        reader.note("E10", f"inputs.{spec.name} is {spec.type}", fields["from"].place, advice)
    elif spec.default is not None:
        try:
            read_value("", spec, spec.default)
        except (PromptError, InputRefused):
            expected = f"it is none of its type ({', '.join(spec.choices) or spec.type})"
            message = f"the default {spec.default!r} of {spec.name!r}"
            reader.note("E26", message, fields["default"].place, expected)
