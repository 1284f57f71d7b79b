"""The screen as a whole, compared line by line: what falls out of place here is seen by everybody."""

from pathlib import Path

import pytest

from chatterm.engine.echo import EchoEngine
from chatterm.store import ConversationStore
from tests.tui.driving import parts_of, running

SNAPSHOTS = Path(__file__).parent / "snapshots"
REPLY = """Three **things**:

1. one
2. two with `code`

| a | b |
|---|---|
| 1 | 2 |

```python
print("hello")
```"""


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 36)])
async def test_a_conversation_with_branches_looks_as_it_did(
    store: ConversationStore, columns: int, lines: int
) -> None:
    parts = parts_of(store, EchoEngine([REPLY, "Short."]), model_name="echo")
    async with running(parts, size=(columns, lines)) as app:
        await app.ask("What is there?")
        await app.until_shown('print("hello")', "echo · context")
        await app.until_idle()
        await app.press("ctrl+r")
        await app.until_shown("< 2/2 >")
        await app.until_idle()
        await app.press("shift+tab", "k", "left")
        await app.until_shown("< 1/2 >", 'print("hello")')
        await app.press("escape")
        expected = (SNAPSHOTS / f"branches-{columns}x{lines}.txt").read_text(encoding="utf-8")
        await app.until(lambda: without_times(app.screen) == expected)


def without_times(screen: str) -> str:
    """Return the screen without what depends on the clock."""
    return "\n".join("" if "written at" in line else line for line in screen.splitlines()) + "\n"
