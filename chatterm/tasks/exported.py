"""A conversation as the Markdown that leaves the program: with its label, and a line above every draft."""

from collections.abc import Iterator

from chatterm.checks import EXPORT_LABEL, Pack, draft_line
from chatterm.errors import PromptError, UnknownName
from chatterm.prompts import PromptLibrary
from chatterm.store.markdown import to_markdown
from chatterm.store.whole import WholeConversation

_LANGUAGES = ("en", "zh")


def markdown_of(whole: WholeConversation, library: PromptLibrary, *, has_label: bool = True) -> str:
    """Return the document. `library` knows which prompts write drafts; without a prompt none is one."""
    label = EXPORT_LABEL if has_label else ""
    ids = {one.reply.record.prompt.id for one in whole.messages if one.reply and one.reply.record.prompt}
    drafts = {prompt_id: line for prompt_id in ids if (line := _draft_lines(library, prompt_id))}
    return to_markdown(whole, label=label, drafts=drafts)


def _draft_lines(library: PromptLibrary, prompt_id: str) -> str:
    """Return what stands above the replies of a prompt that writes drafts, for whoever reads it; else ''."""
    try:
        header = library.get(prompt_id).header
    except (UnknownName, PromptError):  # it was the user's own, and is gone
        return ""
    return " / ".join(_lines(header.guard)) if header.writes_drafts else ""


def _lines(packs: tuple[Pack, ...]) -> Iterator[str]:
    for pack in packs:
        yield from filter(None, (draft_line(pack, lang) for lang in _LANGUAGES))
