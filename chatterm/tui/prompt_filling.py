"""What a form's texts make of a prompt: values, errors by input, and what the composer still has to bring.

Pure. Values are read by the library itself; its errors are what stands beside the fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chatterm.conversation import Document
from chatterm.errors import InputRefused, PromptError
from chatterm.prompts import InputSpec, PromptTemplate
from chatterm.prompts.inputs import read_value
from chatterm.tui.drafts import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What came of a form."""

    values: Mapping[str, str]
    """By input; what was left at its default is not in it."""
    errors: Mapping[str, str]
    """By input, a sentence each. With any, the prompt is not used."""
    lacking: tuple[str, ...] = ()
    """Inputs that the composer can still bring: the free words, the document."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A prompt that is to shape the next question."""

    draft: Draft
    is_complete: bool
    """Nothing is lacking: it can be sent as it is."""


def fill_in(template: PromptTemplate, texts: Mapping[str, str], draft: Draft) -> Filling:
    """Read the texts of a form; `draft` is what the composer holds. Documents are not among the texts."""
    inputs = [spec for spec in template.header.inputs if spec.type != "document"]
    values = {spec.name: texts[spec.name] for spec in inputs if _is_given(spec, texts.get(spec.name, ""))}
    errors = dict(_errors(template, inputs, values))
    free = free_input(template.header.inputs, values)
    lacking = []
    for spec in _needed(template.header.inputs, values, errors):
        is_document = spec.type == "document"
        if is_document or spec.name == free:
            if not (draft.documents if is_document else draft.text.strip()):
                lacking.append(spec.name)
        else:
            errors[spec.name] = "is needed"
    if draft.text.strip() and free is None:
        errors[""] = "this prompt takes no words beside its inputs; empty the composer, or send them first"
    if draft.documents and template.header.document_input is None:
        errors[""] = "this prompt takes no document; take the attached ones out first"
    return Filling(values=values, errors=errors, lacking=tuple(lacking))


def free_input(inputs: Sequence[InputSpec], values: Mapping[str, str]) -> str | None:
    """Return the input that the composer's words go to: `question`, else the first text without a value."""
    names = [spec.name for spec in inputs if spec.type == "text"]
    if "question" in names:
        return None if "question" in values else "question"
    return next((name for name in names if name not in values), None)


def chosen(template: PromptTemplate, filling: Filling, draft: Draft, documents: Sequence[Document]) -> Chosen:
    """Return the draft shaped by the prompt; `documents` come to those it has."""
    shaped = replace(
        draft,
        prompt_id=template.id,
        values=dict(filling.values),
        documents=(*draft.documents, *documents),
    )
    document = template.header.document_input
    lacking = set(filling.lacking) - ({document.name} if document and documents else set())
    is_empty = not (shaped.text.strip() or shaped.documents or shaped.values)
    return Chosen(shaped, is_complete=not lacking and not is_empty)


def _is_given(spec: InputSpec, text: str) -> bool:
    return bool(text.strip()) and text != spec.default


def _errors(
    template: PromptTemplate, inputs: Sequence[InputSpec], values: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for spec in inputs:
        if spec.name in values:
            try:
                read_value(template.id, spec, values[spec.name])
            except (PromptError, InputRefused) as error:
                # What follows the last semicolon is advice for the command line.
                yield spec.name, str(error).rpartition(";")[0] or str(error)


def _needed(
    inputs: Sequence[InputSpec], values: Mapping[str, str], errors: Mapping[str, str]
) -> Iterator[InputSpec]:
    """Yield the inputs that must have a value and have none."""
    for spec in inputs:
        if spec.is_required and spec.default is None and spec.name not in {*values, *errors}:
            yield spec
