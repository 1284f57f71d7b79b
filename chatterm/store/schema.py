"""The tables as the first schema has them, and what later schemas add; a released text never changes.

Texts are stored as they came. Rows that FTS5 indexes have an INTEGER PRIMARY KEY of their own, because VACUUM
may renumber implicit row ids; it also orders siblings whose `created` is the same instant. A parent must be
of the same conversation. Messages go with their conversation, but not with their parent: SQLite cascades by
recursion, at most 1,000 levels deep, and a conversation may be longer.

The index holds titles and every message that is no longer streaming, so a checkpoint costs it nothing.
Triggers keep it. It has external content: its tokenizer can be changed by a migration that makes the tables
anew and runs their 'rebuild', from what is stored. The function `searchable` (tokens.py) parts Chinese into
single characters; it gets bytes, because a function is not called for text that is no UTF-8. Only a
connection that has it (`add_function` in search_index.py) can write titles and messages.
"""

SCHEMA_1 = """
PRAGMA application_id = 0x6374726d;

CREATE TABLE conversation (
    serial INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    has_own_title INTEGER NOT NULL DEFAULT 0 CHECK (has_own_title IN (0, 1)),
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
    archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    active_leaf TEXT REFERENCES message (id) ON DELETE SET NULL
);
CREATE INDEX conversation_by_updated ON conversation (updated, serial);
CREATE INDEX conversation_by_leaf ON conversation (active_leaf);

CREATE TABLE message (
    serial INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    parent_id TEXT,
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    content TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('complete', 'streaming', 'stopped', 'interrupted', 'failed')),
    created TEXT NOT NULL,
    UNIQUE (conversation_id, id),
    FOREIGN KEY (conversation_id, parent_id) REFERENCES message (conversation_id, id)
);
CREATE INDEX message_by_parent ON message (conversation_id, parent_id);
CREATE INDEX message_streaming ON message (id) WHERE status = 'streaming';

CREATE TABLE reply (
    message_id TEXT PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    model_identity TEXT NOT NULL,
    model_name TEXT NOT NULL,
    engine TEXT NOT NULL,
    sampling TEXT NOT NULL,
    seed INTEGER NOT NULL,
    sample INTEGER NOT NULL,
    token_ids TEXT NOT NULL DEFAULT '[]',
    log_probabilities TEXT,
    input_tokens INTEGER,
    cached_tokens INTEGER,
    output_tokens INTEGER,
    prefill_s REAL,
    decode_s REAL,
    finish_reason TEXT CHECK (finish_reason IN ('end', 'stop', 'length', 'loop', 'cancelled')),
    prompt_id TEXT,
    prompt_version INTEGER,
    prompt_sha256 TEXT,
    prompt_values TEXT,
    writer TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE attachment (
    sha256 TEXT PRIMARY KEY,
    bytes BLOB NOT NULL,
    num_links INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE message_attachment (
    message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL REFERENCES attachment (sha256),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (message_id, position)
) WITHOUT ROWID;
CREATE INDEX message_attachment_by_sha256 ON message_attachment (sha256);
CREATE TRIGGER attachment_linked AFTER INSERT ON message_attachment BEGIN
    UPDATE attachment SET num_links = num_links + 1 WHERE sha256 = new.sha256;
END;
CREATE TRIGGER attachment_unlinked AFTER DELETE ON message_attachment BEGIN
    UPDATE attachment SET num_links = num_links - 1 WHERE sha256 = old.sha256;
    DELETE FROM attachment WHERE sha256 = old.sha256 AND num_links = 0;
END;

CREATE TABLE tag (
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (conversation_id, name)
) WITHOUT ROWID;
CREATE INDEX tag_by_name ON tag (name);

CREATE TABLE partial_result (
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    task TEXT NOT NULL,
    position INTEGER NOT NULL,
    content TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (conversation_id, task, position)
);

CREATE VIEW searchable_title AS
SELECT serial, searchable(CAST(title AS BLOB)) AS title FROM conversation;
CREATE VIRTUAL TABLE title_index USING fts5 (
    title, content = 'searchable_title', content_rowid = 'serial',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER title_added AFTER INSERT ON conversation BEGIN
    INSERT INTO title_index (rowid, title) VALUES (new.serial, searchable(CAST(new.title AS BLOB)));
END;
CREATE TRIGGER title_changed AFTER UPDATE OF title ON conversation BEGIN
    INSERT INTO title_index (title_index, rowid, title)
    VALUES ('delete', old.serial, searchable(CAST(old.title AS BLOB)));
    INSERT INTO title_index (rowid, title) VALUES (new.serial, searchable(CAST(new.title AS BLOB)));
END;
CREATE TRIGGER title_removed AFTER DELETE ON conversation BEGIN
    INSERT INTO title_index (title_index, rowid, title)
    VALUES ('delete', old.serial, searchable(CAST(old.title AS BLOB)));
END;

CREATE VIEW finished_message AS
SELECT serial, searchable(CAST(content AS BLOB)) AS content FROM message WHERE status <> 'streaming';
CREATE VIRTUAL TABLE message_index USING fts5 (
    content, content = 'finished_message', content_rowid = 'serial',
    tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER message_added AFTER INSERT ON message WHEN new.status <> 'streaming' BEGIN
    INSERT INTO message_index (rowid, content) VALUES (new.serial, searchable(CAST(new.content AS BLOB)));
END;
CREATE TRIGGER message_changed AFTER UPDATE OF content, status ON message
WHEN old.status <> 'streaming' OR new.status <> 'streaming' BEGIN
    INSERT INTO message_index (message_index, rowid, content)
    SELECT 'delete', old.serial, searchable(CAST(old.content AS BLOB)) WHERE old.status <> 'streaming';
    INSERT INTO message_index (rowid, content)
    SELECT new.serial, searchable(CAST(new.content AS BLOB)) WHERE new.status <> 'streaming';
END;
CREATE TRIGGER message_removed AFTER DELETE ON message WHEN old.status <> 'streaming' BEGIN
    INSERT INTO message_index (message_index, rowid, content)
    VALUES ('delete', old.serial, searchable(CAST(old.content AS BLOB)));
END;
"""

DRAFT_TABLES = """
CREATE TABLE draft (
    id INTEGER PRIMARY KEY,
    conversation_id TEXT REFERENCES conversation (id) ON DELETE CASCADE,
    writer TEXT NOT NULL,
    content TEXT NOT NULL,
    details TEXT NOT NULL,
    updated TEXT NOT NULL
);
CREATE UNIQUE INDEX draft_of_writer ON draft (coalesce(conversation_id, ''), writer);
CREATE INDEX draft_by_conversation ON draft (conversation_id);

CREATE TABLE draft_document (
    draft_id INTEGER NOT NULL REFERENCES draft (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    num_bytes INTEGER NOT NULL,
    notices TEXT NOT NULL,
    PRIMARY KEY (draft_id, position)
) WITHOUT ROWID;
"""
"""What is typed and not sent yet, by conversation (NULL: one that has not begun) and by the process it is
typed in, so that two windows keep both theirs.
"""
