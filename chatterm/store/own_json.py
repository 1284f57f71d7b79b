"""chatterm's own JSON: conversations whole, written and read so that nothing is lost.

    {"format": "chatterm", "version": 1, "conversations": [...]}

Its keys are the fields of WholeConversation, MessageNode and ReplyDetail. A file that is attached several
times stands once, in base64, under the SHA-256 of its bytes.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

from chatterm.conversation import FinishReason, Message, MessageNode, Role, Status, Usage
from chatterm.errors import InputRefused
from chatterm.store import rows
from chatterm.store.json_fields import Fields, checked
from chatterm.store.records import AttachedFile, PromptUse, ReplyDetail, ReplyRecord
from chatterm.store.whole import WholeConversation, WholeMessage

FORMAT = "chatterm"
VERSION = 1

_STATUSES: tuple[Status, ...] = tuple(status for status in get_args(Status) if status != "streaming")


def to_values(whole: WholeConversation) -> dict[str, Any]:
    """Return one conversation as JSON can hold it."""
    files = {file.sha256: file.data for message in whole.messages for file in message.files}
    return {
        "id": whole.id,
        "title": whole.title,
        "has_own_title": whole.has_own_title,
        "created": whole.created,
        "updated": whole.updated,
        "pinned": whole.pinned,
        "archived": whole.archived,
        "tags": list(whole.tags),
        "active_leaf": whole.active_leaf,
        "messages": [_message_values(message) for message in whole.messages],
        "files": {digest: b64encode(data).decode() for digest, data in files.items()},
    }


def from_values(data: object, name: str) -> list[WholeConversation]:
    """Read what a file called `name` holds. Raises InputRefused, which says where it is wrong."""
    fields = Fields.of(data, name)
    fields.one_of("format", (FORMAT,))
    if fields.get("version", int) != VERSION:
        raise InputRefused(
            f"{name} has version {fields.values['version']}, this chatterm reads {VERSION}; use a newer one"
        )
    return [_conversation(one) for one in fields.objects("conversations")]


def _message_values(message: WholeMessage) -> dict[str, Any]:
    node = message.node
    values: dict[str, Any] = {
        "id": node.id,
        "parent_id": node.parent_id,
        "role": node.message.role,
        "content": node.message.content,
        "status": node.status,
        "created": node.created,
    }
    if message.reply:
        record = message.reply.record
        values["reply"] = {
            **{key: value for key, value in asdict(record).items() if key != "prompt"},
            "sampling": dict(record.sampling),
            "prompt": asdict(record.prompt) if record.prompt else None,
            "finish_reason": message.reply.finish_reason,
            "usage": asdict(message.reply.usage) if message.reply.usage else None,
            "token_ids": list(message.reply.token_ids),
            "log_probabilities": message.reply.log_probabilities,
        }
    if message.typed is not None:
        values["typed"] = message.typed
    if message.files:
        values["files"] = [{"name": file.name, "sha256": file.sha256} for file in message.files]
    return values


def _conversation(fields: Fields) -> WholeConversation:
    identity = _id(fields, "id")
    stored = fields.maybe("files", dict) or {}
    files = {digest: _bytes(digest, text, fields.place) for digest, text in stored.items()}
    return WholeConversation(
        id=identity,
        title=fields.get("title", str),
        has_own_title=fields.get("has_own_title", bool),
        created=fields.instant("created"),
        updated=fields.instant("updated"),
        pinned=fields.get("pinned", bool),
        archived=fields.get("archived", bool),
        tags=fields.texts("tags"),
        active_leaf=fields.maybe("active_leaf", str),
        messages=tuple(_message(one, identity, files) for one in fields.objects("messages")),
    )


def _message(fields: Fields, conversation_id: str, files: Mapping[str, bytes]) -> WholeMessage:
    node = MessageNode(
        id=_id(fields, "id"),
        conversation_id=conversation_id,
        parent_id=fields.maybe("parent_id", str),
        message=Message(fields.one_of("role", get_args(Role)), fields.get("content", str)),
        status=fields.one_of("status", _STATUSES),
        created=fields.instant("created"),
    )
    reply = fields.maybe("reply", dict)
    return WholeMessage(
        node=node,
        reply=None if reply is None else _reply(Fields(reply, f"{fields.place}.reply"), node.id),
        files=tuple(_file(one, files) for one in fields.objects("files")),
        typed=fields.maybe("typed", str),
    )


def _reply(fields: Fields, message_id: str) -> ReplyDetail:
    prompt, usage = fields.maybe("prompt", dict), fields.maybe("usage", dict)
    chances = fields.maybe("log_probabilities", list)
    reason = None
    if fields.maybe("finish_reason", str):
        reason = fields.one_of("finish_reason", get_args(FinishReason))
    return ReplyDetail(
        message_id=message_id,
        record=ReplyRecord(
            model_identity=fields.get("model_identity", str),
            model_name=fields.get("model_name", str),
            engine=fields.get("engine", str),
            sampling=fields.get("sampling", dict),
            seed=fields.get("seed", int),
            sample=fields.get("sample", int),
            prompt=None if prompt is None else _prompt(Fields(prompt, f"{fields.place}.prompt")),
        ),
        token_ids=tuple(
            checked(one, int, f"{fields.place}.token_ids") for one in fields.get("token_ids", list)
        ),
        log_probabilities=None if chances is None else tuple(_pair(one, fields.place) for one in chances),
        finish_reason=reason,
        usage=None if usage is None else _usage(Fields(usage, f"{fields.place}.usage")),
    )


def _prompt(fields: Fields) -> PromptUse:
    values = {
        key: checked(value, str, f"{fields.place}.values")
        for key, value in fields.get("values", dict).items()
    }
    return PromptUse(
        id=fields.get("id", str),
        version=fields.get("version", int),
        sha256=fields.get("sha256", str),
        values=values,
    )


def _usage(fields: Fields) -> Usage:
    return Usage(
        input_tokens=fields.get("input_tokens", int),
        cached_tokens=fields.get("cached_tokens", int),
        output_tokens=fields.get("output_tokens", int),
        prefill_s=fields.get("prefill_s", float),
        decode_s=fields.get("decode_s", float),
    )


def _pair(value: object, place: str) -> tuple[float, float]:
    place = f"{place}.log_probabilities"
    numbers = [checked(one, float, place) for one in checked(value, list, place)]
    if len(numbers) != 2:
        raise InputRefused(f"{place} has {len(numbers)} numbers for one token, not 2; nothing was imported")
    return numbers[0], numbers[1]


def _file(fields: Fields, files: Mapping[str, bytes]) -> AttachedFile:
    digest = fields.get("sha256", str)
    if digest not in files:
        raise InputRefused(f"{fields.place}: the bytes of {digest} are not in the file; nothing was imported")
    return AttachedFile(name=fields.get("name", str), data=files[digest])


def _bytes(digest: str, text: object, place: str) -> bytes:
    try:
        data = b64decode(checked(text, str, f"{place}.files"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputRefused(f"{place}.files: {digest} is not base64; nothing was imported") from error
    if AttachedFile(name="", data=data).sha256 != digest:
        raise InputRefused(f"{place}.files: the bytes of {digest} have another SHA-256; nothing was imported")
    return data


def _id(fields: Fields, key: str) -> str:
    identity = fields.get(key, str)
    if len(identity) != rows.ID_LENGTH or not set(identity) <= set(rows.ID_ALPHABET):
        raise InputRefused(
            f"{fields.place}.{key} is {identity[:40]!r}, not {rows.ID_LENGTH} of the characters a-z and 2-7; "
            "nothing was imported"
        )
    return identity
