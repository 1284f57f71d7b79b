"""Engines: what turns a generation request into a stream of events. Nothing here is imported eagerly."""
