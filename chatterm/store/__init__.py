"""Conversations, kept in SQLite: trees of messages, replies with how they were made, and a search index."""

from chatterm.store.conversations import ConversationStore
from chatterm.store.records import (
    Attachment,
    ConversationSummary,
    LogProbabilities,
    PromptUse,
    ReplyDetail,
    ReplyRecord,
)
from chatterm.store.search import SearchHit, SnippetPart
from chatterm.store.whole import Added, AttachedFile, WholeConversation, WholeMessage
from chatterm.store.writer import ReplyWriter

__all__ = [
    "Added",
    "AttachedFile",
    "Attachment",
    "ConversationStore",
    "ConversationSummary",
    "LogProbabilities",
    "PromptUse",
    "ReplyDetail",
    "ReplyRecord",
    "ReplyWriter",
    "SearchHit",
    "SnippetPart",
    "WholeConversation",
    "WholeMessage",
]
