"""Calls what blocks in a thread, and tells what went wrong as a notification."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from textual.widget import Widget

from chatterm.errors import ChattermError
from chatterm.sanitize import sanitize
from chatterm.tui.foreign import MAX_CHARS

_P = ParamSpec("_P")
_T = TypeVar("_T")

_ERROR_S = 12
"""An error stays so long: it says what to do."""


async def called(
    widget: Widget, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T | None:
    """Return what `function` does in a thread; None where it raised a ChattermError, which `widget` tells."""
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except ChattermError as error:
        widget.notify(sanitize(str(error)[: 2 * MAX_CHARS]), severity="error", markup=False, timeout=_ERROR_S)
        return None
