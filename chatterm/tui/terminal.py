"""Where the app can run. Imports no Textual, so that the command line can refuse at once."""

MIN_COLUMNS, MIN_ROWS = 40, 10

_INSTEAD = '`chatterm ask "..."` works anywhere'


def why_not(*, term: str | None, is_terminal: bool, columns: int, rows: int) -> str | None:
    """Return why the app cannot run in this terminal, None where it can.

    `is_terminal`: keys can be read and the screen written. `term` is $TERM.
    """
    if not is_terminal:
        return f"the app needs a terminal to read keys from and to draw on; {_INSTEAD}"
    if term in (None, "", "dumb"):
        return f"the app cannot draw on a terminal of the kind TERM={term or '(unset)'}; {_INSTEAD}"
    if columns < MIN_COLUMNS or rows < MIN_ROWS:
        return (
            f"the app needs a window of at least {MIN_COLUMNS} x {MIN_ROWS} characters, this one has "
            f"{columns} x {rows}; make it larger, or: {_INSTEAD}"
        )
    return None
