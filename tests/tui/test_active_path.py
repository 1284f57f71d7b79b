"""What stands below a reply that did not end by itself."""

import pytest

from chatterm.conversation import FinishReason, Usage
from chatterm.tui.active_path import ending_note

USAGE = Usage(input_tokens=10, cached_tokens=0, output_tokens=1200, prefill_s=0.1, decode_s=1.0)


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        ("end", ""),
        ("stop", ""),
        ("length", "cut at 1,200 tokens"),
        ("loop", "stopped: it said the same again and again"),
        ("cancelled", "stopped"),
    ],
)
def test_an_ending_is_told(reason: FinishReason, note: str) -> None:
    assert ending_note(reason, USAGE) == note
