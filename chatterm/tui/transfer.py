"""Conversations to and from files, as the app asks for it. Blocking: for a thread."""

from pathlib import Path
from typing import TYPE_CHECKING

from chatterm.errors import UsageError
from chatterm.store import ConversationStore
from chatterm.store.exporting import file_name, json_pieces, write_new
from chatterm.store.foreign import read_conversations

if TYPE_CHECKING:
    from chatterm.prompts import PromptLibrary


def default_path(store: ConversationStore, conversation_id: str) -> str:
    """Return what is offered as the file of a conversation: Markdown, in the folder chatterm runs in."""
    return str(Path.cwd() / file_name(store.whole(conversation_id)))


def path_of(text: str) -> Path:
    """Return the path that was typed. Raises UsageError for none."""
    if not text.strip():
        raise UsageError("no file is named; give a path, such as ~/talk.md")
    try:
        return Path(text.strip()).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{text.strip()}: {error}; give the whole path") from error


def new_path_of(text: str) -> Path:
    """Return the path of a file to write. Raises UsageError for one that is there, or that has no folder."""
    path = path_of(text)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file in it, ending in .md or .json")
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists already; give another name")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}; make it, or give another one")
    return path


def export_to(
    store: ConversationStore, library: "PromptLibrary | None", conversation_id: str, text: str
) -> Path:
    """Write a conversation: with every branch where the name ends in .json, else the active path as Markdown.

    `library` knows which prompts write drafts. `text` is the path as it was typed; the path is returned.
    Raises UsageError for a file that is there or cannot be written, StoreError, UnknownName.
    """
    from chatterm.prompts import PromptLibrary  # opening the app does without
    from chatterm.tasks.exported import markdown_of

    path = new_path_of(text)
    if path.suffix.lower() == ".json":
        write_new(path, json_pieces(store.whole, [conversation_id]))
    else:
        write_new(path, [markdown_of(store.whole(conversation_id), library or PromptLibrary(()))])
    return path


def import_from(store: ConversationStore, text: str) -> str:
    """Take in what a file holds, and return what came of it. Raises as reading and storing do."""
    path = path_of(text)
    added = store.add_whole(read_conversations(path))
    return (
        f"{path.name}: {added.num_conversations} new conversations, {added.num_messages} new messages, "
        f"{added.num_known} known already"
    )
