"""How the screen-reader mode says things: labelled lines, and a reply line by line as it grows."""

import re
from typing import TextIO

from chatterm.sanitize import Sanitizer, sanitize
from chatterm.tasks.reading.words import duration_text
from chatterm.tui.pacing import PartsGrowth

_TOLD_EVERY = 2_048
"""So many tokens of a prompt are read between two words about it."""


class PlainVoice:
    """Writes lines, each as soon as it is there."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def say(self, speaker: str, text: str) -> None:
        self.line(f"{speaker}: {sanitize(text)}")

    def notice(self, *texts: str) -> None:
        """Say what chatterm itself has to say."""
        for text in texts:
            self.say("Notice", text)

    def line(self, line: str) -> None:
        """Write a line that is safe already."""
        self._out.write(f"{line}\n")
        self._out.flush()


class PlainReply:
    """Tells one reply, in whole lines, or sentences where a line is long."""

    _SENTENCE = re.compile(r".{40,}?[.!?](?= )|.*?[。！？]", re.S)

    def __init__(self, voice: PlainVoice) -> None:
        self._voice = voice
        self._sanitizer = Sanitizer()
        self._waiting = ""
        self._has_begun = False
        self._told_tokens = 0
        self._told_tenth = 0

    def progress(self, done: int, total: int) -> None:
        if done - self._told_tokens >= _TOLD_EVERY and done < total:
            self._told_tokens = done
            self._voice.notice(f"{done:,} of {total:,} tokens are read")

    def parts(self, growth: PartsGrowth) -> None:
        """Tell each tenth of the parts."""
        progress = growth.progress
        if progress is None or not progress.total:
            return
        tenth = 10 * progress.done // progress.total
        if tenth > self._told_tenth:
            self._told_tenth = tenth
            left = progress.seconds_left
            rest = f", {duration_text(left)} left" if left and progress.done < progress.total else ""
            self._voice.notice(f"{progress.done:,} of {progress.total:,} parts are read{rest}")

    def drop(self) -> None:
        """There is no reply."""
        self._has_begun = True
        self.end()

    def grow(self, text: str) -> None:
        self._waiting += self._sanitizer.feed(text)
        *lines, self._waiting = self._waiting.split("\n")
        for line in lines:
            self._line(line)
        while found := self._SENTENCE.match(self._waiting):
            self._line(found[0])
            self._waiting = self._waiting[found.end() :].lstrip(" ")

    def end(self) -> None:
        if self._waiting or not self._has_begun:
            self._line(self._waiting)
        self._waiting = ""

    def _line(self, line: str) -> None:
        label = "" if self._has_begun else "Assistant: "
        self._has_begun = True
        self._voice.line(f"{label}{line}")
