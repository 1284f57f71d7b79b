"""Reads what is piped or named with -f, whole or not at all, and says how it stands in a message.

Knows bytes and encodings. Does not know prompts, models or the store.
"""
