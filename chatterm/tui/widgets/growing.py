"""MarkdownGrowth: text that is added to a Markdown while one types beside it."""

import asyncio
import time
from contextlib import suppress

from textual.widgets import Markdown

_REST = 2.0
"""So many times as long as drawing took nothing is drawn: keys are to find the app at rest."""
_LONGEST_REST_S = 0.4


class MarkdownGrowth:
    """Adds what is written in pieces, the seldomer the longer drawing takes."""

    def __init__(self, body: Markdown) -> None:
        self._body = body
        self._pending: list[str] = []
        self._has_come = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def write(self, text: str) -> None:
        self._pending.append(text)
        self._has_come.set()

    def drop(self) -> None:
        """Add nothing more: the body is gone."""
        self._task.cancel()

    async def stop(self) -> None:
        """Add what is left, at once."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._add()

    async def _run(self) -> None:
        while await self._has_come.wait():
            begun = time.monotonic()
            await asyncio.shield(asyncio.ensure_future(self._draw()))
            await asyncio.sleep(min(_REST * (time.monotonic() - begun), _LONGEST_REST_S))

    async def _draw(self) -> None:
        drawn = asyncio.Event()
        await self._add()
        if self._body.call_after_refresh(drawn.set):
            await drawn.wait()

    async def _add(self) -> None:
        self._has_come.clear()
        pieces, self._pending = self._pending, []
        if pieces:
            await self._body.append("".join(pieces))
