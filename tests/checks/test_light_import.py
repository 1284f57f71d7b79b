import subprocess
import sys


def test_what_stands_before_a_reply_compiles_no_pattern_for_what_comes_after() -> None:
    code = "import sys, chatterm.checks; print([m for m in sys.modules if m.startswith('chatterm.checks.')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "chatterm.checks.guards" in found
    assert "chatterm.checks.verify" not in found
    assert "chatterm.checks.phrasings" not in found
