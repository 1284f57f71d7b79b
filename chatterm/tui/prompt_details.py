"""What the library's browser tells of a prompt, in lines; and which prompts a search finds. Pure.

A prompt file may be a stranger's: whoever shows the lines sanitises them and takes none for markup.
"""

import re
from collections.abc import Iterator, Sequence

from chatterm.checks import footer
from chatterm.conversation import ModelCard
from chatterm.prompts import InputSpec, PromptEntry, PromptTemplate
from chatterm.prompts.aliases import ALIASES
from chatterm.prompts.header import PromptHeader, in_language
from chatterm.prompts.rendering import model_notices
from chatterm.prompts.sizes import size_note
from chatterm.tui.closeness import closeness

_MAX_QUERY = 60


def title_of(entry: PromptEntry, lang: str) -> str:
    """Return the title in `lang`; of a broken file its place in the library."""
    return (entry.header and in_language(entry.header.title, lang)) or entry.id or str(entry.path)


def found(entries: Sequence[PromptEntry], query: str) -> list[PromptEntry]:
    """Return the entries that match; all of them without a query.

    Looked at are name, title, tags and aliases, in every language. Those that hold the query as it was typed
    come alone, in their order; without any, its letters may stand apart, and the best come first.
    """
    query = " ".join(query.split())[:_MAX_QUERY]
    if not query:
        return list(entries)
    wanted = query.casefold()
    if as_typed := [entry for entry in entries if any(wanted in text.casefold() for text in _texts(entry))]:
        return as_typed
    scored = [(max(closeness(wanted, text.casefold()) for text in _texts(entry)), entry) for entry in entries]
    best = max((score for score, _ in scored), default=0)
    # Letters scattered over a long title match nearly anything: only what comes near the best is shown.
    kept = [(score, entry) for score, entry in scored if score > 0 and score >= best / 2]
    return [entry for _, entry in sorted(kept, key=lambda one: -one[0])]


def _texts(entry: PromptEntry) -> Iterator[str]:
    yield entry.id
    if entry.header:
        yield from entry.header.title.values()
        yield from entry.header.tags
    yield from (alias for alias, prompt_id in ALIASES.items() if prompt_id == entry.id)


def detail_lines(
    entry: PromptEntry, template: PromptTemplate | None, card: ModelCard | None, lang: str
) -> Iterator[str]:
    """Yield what is known of a prompt, paragraph by paragraph; `template` is None until it is read."""
    header = entry.header
    yield _origin(entry)
    if header is None:
        return
    yield in_language(header.purpose, lang)
    yield "\n".join(("Inputs:", *(f"  {_input_line(spec, lang)}" for spec in header.inputs)))
    yield f"Reply: {_reply_words(header)} · languages {', '.join(header.languages)}"
    yield f"Made for {size_note(header)}"
    if template and card:
        yield "\n".join(f"⚠ {notice}" for notice in model_notices(template, _served(header, lang), card))
    yield "\n".join(footer(pack, lang) for pack in header.guard)
    if template:
        yield _unwrapped(template.note(lang).strip())


def _unwrapped(text: str) -> str:
    """Join the lines of each paragraph; between Han characters nothing stands in place of the line's end."""
    joined = re.sub(r"(?<=[\u3000-\uffef])\n(?=[\u3000-\uffef])", "", text)
    return re.sub(r"(?<!\n)\n(?![\n\s*-])", " ", joined)


def _served(header: PromptHeader, lang: str) -> str:
    return lang if lang in header.languages else header.languages[0]


def _origin(entry: PromptEntry) -> str:
    words = [entry.id, entry.origin]
    if entry.is_changed:
        words.append("replaces the one below it")
    if entry.is_shadowed:
        words.append("not used: another one of this name comes first")
    return " · ".join(filter(None, words))


def _input_line(spec: InputSpec, lang: str) -> str:
    star = "*" if spec.is_required and spec.default is None else ""
    kind = " | ".join(spec.choices) or spec.type
    default = f", else {spec.default}" if spec.default is not None else ""
    label = in_language(spec.label, lang)
    return f"{spec.name}{star}: {label + ', ' if label else ''}{kind}{default}"


def _reply_words(header: PromptHeader) -> str:
    output = header.output
    if output.format == "json":
        return f"JSON, shown as a {output.view}"
    return "one of a few labels, with their probabilities" if output.format == "label" else output.format
