"""The model's own chat template: messages become the text of a prompt.

Owns what depends on the template: whether it is fit to be used, folding a system message where it has no
such role, keeping out a system text of its own. Does not know tokens (`prompt_ids`), nor base models, which
have no template (`plain_completion`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Self

from chatterm.conversation import Message
from chatterm.engine.local.text.template_render import (
    BLANK,
    RENDER_LIMIT_S,
    TEMPLATE_FAULTS,
    CompiledTemplate,
    OutputTooLong,
    RunsTooLong,
    TemplateMessage,
    Traits,
    try_out,
)
from chatterm.errors import Unsupported

_KNOWN = frozenset({"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788"})
"""sha256 of templates that need no trial in a child process: that of the default model."""


class ChatTemplate:
    """A template that was found fit. Rendering changes nothing, so any thread may."""

    def __init__(self, source: str, template: CompiledTemplate, traits: Traits) -> None:
        """Take what `open` made."""
        self._template = template
        self._traits = traits
        self.hides_thoughts = "</think>" in source
        """It looks for the end of a model's thoughts in replies, to leave those of earlier turns out."""

    @classmethod
    def open(
        cls,
        source: str,
        special_texts: Mapping[str, str],
        *,
        verdicts: Path | None,
        now: Callable[[], datetime] = datetime.now,
    ) -> Self:
        """Compile the template after a trial in a child process, once for each template.

        `special_texts` are its variables (`bos_token`), `verdicts` is the folder where trials are remembered,
        `now` is what it takes for the date. Raises BadModelFile where it exceeds a limit or does not work.
        """
        if hashlib.sha256(source.encode()).hexdigest() in _KNOWN:
            traits = try_out(source, special_texts)
        else:
            # 15 ms that the default model need not pay
            from chatterm.engine.local.text.template_verdict import judge

            traits = judge(source, special_texts, verdicts)
        return cls(source, CompiledTemplate(source, special_texts, now), traits)

    @property
    def has_system_role(self) -> bool:
        """False: a system message is folded into the first user message."""
        return self._traits.has_system_role

    def render(self, messages: Sequence[Message]) -> str:
        """Return the prompt up to where the reply begins; a system message may only stand first.

        A template's built-in system text never appears: where the messages have no system message and the
        template would write its own, it is given an empty one, as a system turn without text is what
        remains of its form when that text is taken away. Neighbours of one role are joined where the
        template insists on alternating roles. Raises Unsupported where it refuses the messages.
        """
        messages = self._with_system(messages)
        try:
            return self._rendered(messages)
        except TEMPLATE_FAULTS as error:
            alternating = _alternating(messages)
            if len(alternating) == len(messages):
                raise _refused(error) from error
        try:
            return self._rendered(alternating)
        except TEMPLATE_FAULTS as error:
            raise _refused(error) from error

    def _with_system(self, messages: Sequence[Message]) -> list[Message]:
        has_system = bool(messages) and messages[0].role == "system"
        if has_system and not self.has_system_role:
            return fold_system(messages)
        if not has_system and self._traits.has_builtin_system:
            return [Message("system", BLANK), *messages]
        return list(messages)

    def _rendered(self, messages: Sequence[Message]) -> str:
        plain: list[TemplateMessage] = [{"role": m.role, "content": m.content} for m in messages]
        try:
            return self._template.render(plain).replace(BLANK, "")
        except OutputTooLong as error:
            raise Unsupported(
                "the model's chat template writes far more than the messages hold;"
                " try another file of this model"
            ) from error
        except RunsTooLong as error:
            raise Unsupported(
                f"the model's chat template runs for more than {RENDER_LIMIT_S:g} s on these messages;"
                " try another file of this model"
            ) from error


def fold_system(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with the system text, which stands first, at the head of the first user message."""
    system, rest = messages[0], list(messages[1:])
    position = next((n for n, message in enumerate(rest) if message.role == "user"), None)
    if position is None:
        return [Message("user", system.content), *rest]
    user = rest[position]
    rest[position] = replace(user, content=f"{system.content}\n\n{user.content}")
    return rest


def _alternating(messages: Sequence[Message]) -> list[Message]:
    groups = groupby(messages, key=lambda message: message.role)
    return [Message(role, "\n\n".join(message.content for message in group)) for role, group in groups]


def _refused(error: Exception) -> Unsupported:
    reason = " ".join(str(error).split())[:200]
    return Unsupported(f"the model's chat template refuses these messages: {reason or type(error).__name__}")
