"""Formats that are not plain text: told by their bytes, read in a child process, each into one text."""
