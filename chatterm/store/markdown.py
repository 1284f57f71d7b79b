"""A conversation as Markdown for people: front matter, then the messages of the active path. Pure.

The result is sanitised, as it is made to be looked at. What loses nothing is the JSON (own_json.py).
"""

import json
from collections.abc import Mapping
from types import MappingProxyType

from chatterm.sanitize import sanitize, sanitize_line
from chatterm.store.whole import WholeConversation, WholeMessage

_NO_DRAFTS: Mapping[str, str] = MappingProxyType({})
_NAMES = {"system": "System", "user": "User", "assistant": "Assistant"}


def to_markdown(whole: WholeConversation, *, label: str = "", drafts: Mapping[str, str] = _NO_DRAFTS) -> str:
    """Return the document, ending in a newline.

    `label` says that a model wrote the replies: it stands in the front matter and below the last message of
    a conversation that has any. `drafts` has the line above the replies of a prompt, by the prompt's id.
    """
    path = active_path(whole)
    label = label if any(one.node.message.role == "assistant" for one in path) else ""
    num_beside = len(whole.messages) - len(path)
    models = dict.fromkeys(one.reply.record.model_name for one in path if one.reply)
    prompts = dict.fromkeys(
        one.reply.record.prompt.reference for one in path if one.reply and one.reply.record.prompt
    )
    header: dict[str, object] = {
        "title": whole.title,
        "id": whole.id,
        "created": whole.created,
        "updated": whole.updated,
        "tags": list(whole.tags),
        "models": list(models),
        "prompts": list(prompts),
        "messages_on_other_branches": num_beside,
        **({"label": label} if label else {}),
    }
    # A JSON value is a YAML value too, whatever the text in it.
    lines = [
        f"{key}: {sanitize_line(json.dumps(value, ensure_ascii=False))}" for key, value in header.items()
    ]
    parts = [
        "\n".join(["---", *lines, "---"]),
        *(_section(one, drafts) for one in path),
        *([f"*{label}*"] if label else []),
    ]
    return sanitize("\n\n".join(parts)) + "\n"


def active_path(whole: WholeConversation) -> list[WholeMessage]:
    """Return the messages from the root to the active leaf."""
    by_id = {message.node.id: message for message in whole.messages}
    path: list[WholeMessage] = []
    leaf = whole.active_leaf
    while leaf:
        path.append(by_id[leaf])
        leaf = path[-1].node.parent_id
    return path[::-1]


def _section(message: WholeMessage, drafts: Mapping[str, str]) -> str:
    node = message.node
    mark = "" if node.status == "complete" else f" ({node.status})"
    names = "".join(f"\n\nAttached: {sanitize_line(file.name)}" for file in message.files)
    prompt = message.reply.record.prompt if message.reply else None
    draft = f"**{drafts[prompt.id]}**\n\n" if prompt and prompt.id in drafts else ""
    return f"## {_NAMES[node.message.role]}{mark}\n\n{draft}{node.message.content.rstrip()}{names}"
