"""Reads a file of conversations, whoever wrote it: chatterm, llm or ChatGPT. The database is not touched."""

import json
from pathlib import Path

from chatterm.errors import InputRefused, UsageError
from chatterm.store import chatgpt, own_json
from chatterm.store.llm_logs import read_logs
from chatterm.store.whole import WholeConversation, titled

_SQLITE = b"SQLite format 3\0"
_ZIP = b"PK\x03\x04"
_KINDS = "chatterm's JSON, ChatGPT's conversations.json or llm's logs.db"


def read_conversations(path: Path) -> list[WholeConversation]:
    """Return what is in the file. Raises UsageError for no file, InputRefused for a wrong one."""
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_SQLITE))
            if start == _SQLITE:
                return [titled(one) for one in read_logs(path)]
            data = start + stream.read()
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}; check the name and the folder you are in") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    if data.startswith(_ZIP):
        raise InputRefused(f"{path.name} is a zip archive: unpack it and import its conversations.json")
    return _from_json(data, path.name)


def _from_json(data: bytes, name: str) -> list[WholeConversation]:
    values = _decoded(data, name)
    if isinstance(values, dict) and "format" in values:
        return own_json.from_values(values, name)
    if isinstance(values, dict) and "mapping" in values:
        return [titled(one) for one in chatgpt.from_values([values], name)]
    if isinstance(values, list) and all(isinstance(one, dict) and "mapping" in one for one in values):
        return [titled(one) for one in chatgpt.from_values(values, name)]
    raise InputRefused(f"{name} is JSON, but not {_KINDS}; nothing was imported")


def _decoded(data: bytes, name: str) -> object:
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputRefused(
            f"{name} is neither JSON ({error.msg} in {place}) nor a database; expected {_KINDS}"
        ) from error
    except UnicodeDecodeError as error:
        raise InputRefused(
            f"{name} is no text in UTF-8 (byte {error.start}) and no database; expected {_KINDS}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise InputRefused(f"{name} is no JSON that can be read: {error}; expected {_KINDS}") from error
