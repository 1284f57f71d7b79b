"""Conversations, kept in SQLite: trees of messages, replies with how they were made, and a search index."""

from chatterm.store.branches import BranchPoint
from chatterm.store.conversations import ConversationStore
from chatterm.store.drafting import StoredDraft
from chatterm.store.records import (
    AskedSummary,
    AttachedFile,
    Attachment,
    ConversationSummary,
    LogProbabilities,
    PromptUse,
    ReplyDetail,
    ReplyEnding,
    ReplyRecord,
    TypedQuestion,
)
from chatterm.store.search import SearchHit, SnippetPart
from chatterm.store.whole import Added, WholeConversation, WholeMessage
from chatterm.store.writer import ReplyWriter

__all__ = [
    "Added",
    "AskedSummary",
    "AttachedFile",
    "Attachment",
    "BranchPoint",
    "ConversationStore",
    "ConversationSummary",
    "LogProbabilities",
    "PromptUse",
    "ReplyDetail",
    "ReplyEnding",
    "ReplyRecord",
    "ReplyWriter",
    "SearchHit",
    "SnippetPart",
    "StoredDraft",
    "TypedQuestion",
    "WholeConversation",
    "WholeMessage",
]
