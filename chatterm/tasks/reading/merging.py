"""Puts the parts' replies together: text as the source was laid out, JSON by its schema. Pure.

Merging is associative in what it gives: parts that were merged before merge as if they had not been.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from chatterm.checks.quotes import check_copies
from chatterm.checks.sources import Source, make_source
from chatterm.conversation import Document
from chatterm.documents.chunks import Chunk
from chatterm.prompts.language import script_language
from chatterm.prompts.output import OutputSpec
from chatterm.prompts.schema import BY_CODE, Schema
from chatterm.tasks.reading.digest import as_document
from chatterm.tasks.reading.events import Partial
from chatterm.tasks.reading.label_rows import LINES, lines_text
from chatterm.tasks.reading.values import Conflict, agreeing, completed, empty, is_nothing, key_of, merged
from chatterm.tasks.structured import read_answer

_RULE = re.compile(r" *\|?(?: *:?-{2,}:? *\|)+(?: *:?-{2,}:? *)?\s*")
_LIST_ITEM = re.compile(r" *(?:[-*+•]|\d{1,4}[.)、．])\s*\S")
_MAX_TOLD = 5
"""Conflicts that are told one by one."""
_CONFLICT = '{one.path}: kept "{one.kept}" of lines {one.lines}; lines {one.other_lines} say "{one.other}"'
_CONFLICT_ZH = "{one.path}：保留第{one.lines}行的“{one.kept}”；第{one.other_lines}行另作“{one.other}”"


def text_after(before: Partial | None, partial: Partial, *, names_documents: bool = False) -> str:
    """Return what a part adds to the answer behind the last part that gave something; None for the first.

    Replies are joined as the parts were: blank lines, lists, tables with one head. `names_documents`: of
    several, each begins with its name.
    """
    chunk, text = partial.chunk, partial.text.strip("\n").rstrip()
    is_other = before is None or before.chunk.document != chunk.document
    if is_other:
        gap = "" if before is None else "\n\n"
        return f"{gap}[{chunk.name}]\n\n{text}" if names_documents else f"{gap}{text}"
    assert before is not None
    goes_on = bool(chunk.head) and chunk.first_line - before.chunk.last_line == 1
    if goes_on and _ends_in_table(before.text) and (rest := _without_head(before.text, text)) is not None:
        return f"\n{rest}" if rest else ""
    return _gap(before, chunk, text) + text


def _gap(before: Partial, chunk: Chunk, text: str) -> str:
    """Return what parted the two parts in the document."""
    last = before.chunk
    if last.last_line == chunk.first_line:  # one long line, cut
        return "" if script_language(text) in ("zh", "ja") else " "
    is_apart = chunk.first_line - last.last_line > 1
    both_lists = _is_item(before.text.rstrip().rpartition("\n")[2]) and _is_item(text.partition("\n")[0])
    return "\n\n" if is_apart and not both_lists else "\n"


def _is_item(line: str) -> bool:
    return bool(_LIST_ITEM.match(line))


def _ends_in_table(text: str) -> bool:
    return text.rstrip().rpartition("\n")[2].lstrip().startswith("|")


def _without_head(before: str, text: str) -> str | None:
    """Return a table's further rows where `text` begins with a head of as many columns, else None.

    The head is left out even where a model worded it otherwise: it stood before the part, not in it.
    """
    lines = text.split("\n")
    if not lines[0].lstrip().startswith("|"):
        return None
    num_columns = before.rstrip().rpartition("\n")[2].count("|")
    if lines[0].count("|") != num_columns:
        return None
    is_headed = len(lines) > 1 and _RULE.fullmatch(lines[1]) is not None
    return "\n".join(lines[2:] if is_headed else lines)


@dataclass(frozen=True, slots=True)
class MergedJson:
    """The answer in JSON that the parts make together."""

    text: str
    notices: tuple[str, ...] = ()
    """What code had to decide between."""


def merge_json(
    partials: Sequence[Partial], schema: Schema, *, lang: str = "en", by_unit: bool = False
) -> MergedJson:
    """Merge replies in JSON: lists one behind the other, equal items once; objects field by field.

    Of a field that is no list the first value that is one is kept; that others differ is told. The answer
    meets `lifted(schema)`: what a part has beyond its schema is left out. `by_unit`: the answer is a list
    of the parts' items, each with the lines it is of, and meets `lifted(schema, by_unit=True)`.
    """
    read = list(_values(partials, schema))
    if by_unit:
        names_documents = len({partial.chunk.document for partial, _ in read}) > 1
        items = [item for one in read for item in _items_with_lines(*one, names_documents=names_documents)]
        return MergedJson(_as_text(items))
    conflicts: list[Conflict] = []
    answer = merged([(lines_text(partial.chunk), value) for partial, value in read], conflicts)
    whole = lifted(schema)
    answer = completed(agreeing(empty(whole) if answer is None else answer, whole), whole)
    return MergedJson(_as_text(answer), tuple(_notices(conflicts, lang)))


def lifted(schema: Schema, *, by_unit: bool = False) -> Schema:
    """Return the schema of a merged answer, of as many items as the parts have; `by_unit`: with lines."""
    if by_unit:
        items = cast(Schema, schema["items"]) if "items" in schema else schema
        return {"type": "array", "items": _with_lines(_unlimited(items))}
    return _unlimited(schema)


def merged_output(output: OutputSpec, *, by_unit: bool = False) -> OutputSpec:
    """Return how a merged answer is read and shown."""
    if output.schema is None:
        return output
    view = "list" if by_unit and output.view == "text" else output.view
    return OutputSpec(
        format="json",
        schema=lifted(output.schema, by_unit=by_unit),
        computed=output.computed,
        view=view,
    )


def digest_json(partials: Sequence[Partial], schema: Schema, lang: str = "en") -> Document:
    """Return what the reduce step reads: of each part its JSON on a line, without what came before.

    What was to be copied from the part and does not stand in it is left out.
    """
    seen: set[str] = set()
    found = (
        _unseen(standing(value, schema, partial.chunk), seen) for partial, value in _values(partials, schema)
    )
    return as_document([_as_text(value) for value in found if not is_nothing(value)], lang)


def standing(value: object, schema: Schema, chunk: Chunk) -> object:
    """Return `value` without the texts that were to be copied and do not stand in the part."""
    source = [make_source(chunk.content)]

    def kept(one: object, inner: Schema) -> object:
        if isinstance(one, dict):
            properties = cast(Mapping[str, Schema], inner.get("properties", {}))
            return {name: kept(field, properties.get(name, {})) for name, field in one.items()}
        if isinstance(one, list):
            return [kept(item, cast(Schema, inner.get("items", {}))) for item in one]
        is_copy = isinstance(one, str) and bool(inner.get("copy"))
        return None if is_copy and not _stands(str(one), source) else one

    return agreeing(kept(value, schema), _unlimited(schema))


def _stands(text: str, source: Sequence[Source]) -> bool:
    return all(finding.verdict != "absent" for finding in check_copies([text], source))


def _values(partials: Iterable[Partial], schema: Schema) -> Iterator[tuple[Partial, object]]:
    """Yield what the parts gave, as far as it meets the schema; what is no JSON is passed over."""
    form = OutputSpec(format="json", schema=schema)
    for partial in partials:
        answer = None if partial.is_failed else read_answer(partial.text, form)
        if answer is not None:
            value = agreeing(answer.value, _unlimited(schema))
            if value is not None:
                yield partial, value


def _items_with_lines(partial: Partial, value: object, *, names_documents: bool) -> Iterator[object]:
    lines = lines_text(partial.chunk, names_document=names_documents)
    seen = set()
    for item in value if isinstance(value, list) else [value]:
        key = key_of(item)
        if key not in seen and not is_nothing(item):
            seen.add(key)
            yield {LINES: lines, **(item if isinstance(item, dict) else {"value": item})}


def _with_lines(items: Schema) -> Schema:
    """Return the schema of an item with its lines, which come first."""
    if "properties" not in items:
        items = {"type": "object", "properties": {"value": items}, "required": ["value"]}
    lines = {"type": "string", BY_CODE: True}
    properties = {LINES: lines, **cast(Mapping[str, object], items["properties"])}
    return {
        **items,
        "properties": properties,
        "required": [LINES, *cast(list[str], items.get("required", []))],
    }


def _unlimited(schema: Schema) -> Schema:
    """Return the schema without `maxItems`, at every depth."""
    found = {key: value for key, value in schema.items() if key != "maxItems"}
    if "items" in found:
        found["items"] = _unlimited(cast(Schema, found["items"]))
    if "properties" in found:
        properties = cast(Mapping[str, Schema], found["properties"])
        found["properties"] = {name: _unlimited(inner) for name, inner in properties.items()}
    return found


def _unseen(value: object, seen: set[str]) -> object:
    """Return `value` without the items of lists that were seen before."""
    if isinstance(value, dict):
        return {name: _unseen(inner, seen) for name, inner in value.items()}
    if not isinstance(value, list):
        return value
    kept = []
    for item in value:
        if (key := key_of(item)) not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def _notices(conflicts: Sequence[Conflict], lang: str) -> Iterator[str]:
    form = _CONFLICT_ZH if lang == "zh" else _CONFLICT
    yield from (form.format(one=one) for one in conflicts[:_MAX_TOLD])
    if more := len(conflicts[_MAX_TOLD:]):
        yield f"另有{more}个字段前后不一" if lang == "zh" else f"and {more} more fields differ between parts"


def _as_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
