"""Replies that must be JSON of a schema, match a regular expression, or be one of some choices."""
