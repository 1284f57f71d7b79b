"""What the app does without until it is asked something: it opens sooner so."""

import subprocess
import sys

OPENING = """
import sys
import chatterm.cli.main, chatterm.cli.chat_command, chatterm.tui.app, chatterm.tui.settings
import chatterm.engine.hosted, chatterm.tasks.model_shelf
print(*sorted(name for name in sys.modules if name.startswith("chatterm.") or "." not in name))
"""
LATER = ("chatterm.checks", "chatterm.prompts", "chatterm.tasks.question", "chatterm.models.download")


def test_opening_the_app_imports_nothing_that_only_a_question_needs() -> None:
    told = subprocess.run([sys.executable, "-c", OPENING], check=True, capture_output=True, text=True)
    modules = told.stdout.split()
    assert "chatterm.tui.app" in modules
    assert [name for name in modules if name.startswith(LATER)] == []
