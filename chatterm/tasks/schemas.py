"""What `--schema` names: a JSON Schema in a file, or a short list of fields as `llm` takes it.

    name, age int, bio: a short bio

Fields are parted by commas, or by line ends where there are any, so that descriptions may have commas. A
field is a name, a type (str where none is given; int, float, bool), and after a colon what it holds.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatterm.engine.base import MAX_CONSTRAINT_BYTES, JsonSchema
from chatterm.errors import UsageError
from chatterm.prompts.output import OutputSpec
from chatterm.prompts.schema import Schema, constraint_text

MAX_FIELDS = 100
MAX_TEXT_CHARS = 500
"""Of a text field that is given by its name alone: a model that finds no end comes to one."""
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("str", "string", "text"), "string"),
    **dict.fromkeys(("int", "integer"), "integer"),
    **dict.fromkeys(("float", "number"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
}
_IN_WORDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
_NAME = re.compile(r"[^\W\d]\w{0,39}")


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """A schema that the user asks for."""

    constraint: JsonSchema
    output: OutputSpec
    """How an answer is read and shown."""
    fields: tuple[tuple[str, str], ...]
    """The names and what they hold, as far as the schema tells, for the model to read."""

    def instruction(self, lang: str) -> str:
        """Return what the model is told: the constraint alone does not tell it what is wanted."""
        is_chinese = lang == "zh"
        if not self.fields:
            return "请用 JSON 回答。" if is_chinese else "Answer in JSON."
        named = [f"{name} ({what})" if what else name for name, what in self.fields]
        if is_chinese:
            return f"请用 JSON 回答，字段为：{'、'.join(named)}。"
        return f"Answer in JSON with these fields: {', '.join(named)}."


def read_answer_schema(text: str) -> AnswerSchema:
    """Read what `--schema` was given. Raises UsageError naming what is wrong with it."""
    text = text.strip()
    if not text:
        raise UsageError("--schema is empty; name a file, or fields: --schema 'name, age int'")
    if text.startswith("{"):
        return _from_json(text, "the schema")
    path = Path(text) if "\n" not in text and "\0" not in text else None
    if path and (path.suffix.lower() == ".json" or _is_file(path)):
        return _from_json(_file_text(path), f"the schema {path}")
    return _from_fields(text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONSTRAINT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the schema {path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_CONSTRAINT_BYTES:
        raise UsageError(
            f"the schema {path} is over {MAX_CONSTRAINT_BYTES:,} bytes, more than can be kept to"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the schema {path} is not UTF-8 text: byte {error.start:,}") from error


def _from_json(text: str, what: str) -> AnswerSchema:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"{what} is not JSON: {why}") from error
    if not isinstance(schema, dict):
        raise UsageError(f'{what} must be a JSON object such as {{"type": "object"}}, found {text[:20]!r}')
    constraint = JsonSchema(text)
    item = schema.get("items") if schema.get("type") == "array" else schema
    properties = item.get("properties") if isinstance(item, dict) else None
    named = properties if isinstance(properties, dict) else {}
    fields = tuple((str(name), _in_words(one)) for name, one in [*named.items()][:MAX_FIELDS])
    is_list = schema.get("type") == "array"
    # What a schema of any kind asks for is kept by the constraint; it is not checked a second time.
    return AnswerSchema(
        constraint, OutputSpec(format="json", schema={}, view="table" if is_list else "list"), fields
    )


def _in_words(schema: object) -> str:
    if not isinstance(schema, dict):
        return ""
    words = [schema.get("description"), _IN_WORDS.get(str(schema.get("type")))]
    choices = schema.get("enum")
    if isinstance(choices, list) and len(choices) <= 20:
        words.append(" or ".join(map(str, choices)))
    return "; ".join(str(one) for one in words if one and one != "text")[:200]


def _from_fields(text: str) -> AnswerSchema:
    parts = [part.strip() for part in (text.splitlines() if "\n" in text else text.split(","))]
    fields = [_field(part, text) for part in parts if part]
    names = [name for name, _, _ in fields]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"the field {twice!r} stands twice in --schema; leave one out")
    if not fields or len(fields) > MAX_FIELDS:
        raise UsageError(f"--schema takes 1 to {MAX_FIELDS} fields, found {len(fields):,}")
    schema: Schema = {
        "type": "object",
        "properties": {name: _of_type(kind) for name, kind, _ in fields},
        "required": names,
    }
    told = tuple((name, "; ".join(filter(None, (what, _type_told(kind))))) for name, kind, what in fields)
    output = OutputSpec(format="json", schema=schema, view="list")
    return AnswerSchema(JsonSchema(constraint_text(schema)), output, told)


def _type_told(kind: str) -> str:
    return "" if kind == "string" else _IN_WORDS[kind]


def _of_type(kind: str) -> dict[str, object]:
    return {"type": kind, "maxLength": MAX_TEXT_CHARS} if kind == "string" else {"type": kind}


def _field(part: str, whole: str) -> tuple[str, str, str]:
    """Return name, type and description."""
    head, _, description = part.replace("：", ":").partition(":")
    words: Sequence[str] = head.split()
    if not 1 <= len(words) <= 2 or not _NAME.fullmatch(words[0]):
        hint = "; no file has this name either" if "/" in whole or "." in whole else ""
        raise UsageError(
            f"--schema: {part!r} is no field; write name, name type, or name: what it holds{hint}"
        )
    kind = _TYPES.get(words[1].lower()) if len(words) == 2 else "string"
    if kind is None:
        raise UsageError(
            f"--schema: {words[1]!r} is no type of {words[0]!r}; there are str, int, float, bool"
        )
    return words[0], kind, description.strip()
