"""Messages to the token ids of a prompt: the model's own format, in which no content becomes a control token.

Owns which parts of a prompt are control tokens, its first token, and the text that a reply starts and ends
with. The KV cache may rely on this: where a template renders earlier messages the same whatever follows
them, the ids of a conversation are a prefix of the ids of its continuation, up to the reply's last tokens.
The reply's own ids are met again where encoding its text, next to the template's text before it, gives
them; a model mostly writes what the encoder would, so one unlikely token costs the rest of that reply
and what follows, never more. Templates that tell the date or leave earlier thoughts out change more.
"""

from collections.abc import Sequence
from pathlib import Path

from chatterm.conversation import Message, system_in_force
from chatterm.engine.local.text.chat_template import ChatTemplate
from chatterm.engine.local.text.control_guard import ControlGuard, Part, wrap
from chatterm.engine.local.text.plain_completion import STOP_STRINGS, render_plain
from chatterm.engine.local.text.text_stream import TextStream
from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.errors import BadModelFile

_END_OF_THOUGHTS = "</think>"


class PromptEncoder:
    """Encodes the prompts of one model. It never changes, so any thread may use it."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None) -> None:
        """None stands for a base model. Raises BadModelFile where control tokens are beyond reason."""
        self._tokenizer = tokenizer
        self._template = template
        try:
            self._guard = ControlGuard(tokenizer.control_ids)
        except ValueError as error:
            raise BadModelFile(f"the model's vocabulary cannot be used: {error}") from error

    @property
    def has_chat_template(self) -> bool:
        return self._template is not None

    @property
    def has_system_role(self) -> bool:
        return self._template is None or self._template.has_system_role

    def encode(self, messages: Sequence[Message], prefill: str = "") -> list[int]:
        """Return the ids up to where the reply goes on, after `prefill`; of system messages the last counts.

        For contents without control strings they are those of the rendered text encoded as a whole.
        Raises Unsupported where the chat template refuses the messages.
        """
        parts = self._stripped(self._parts(messages, prefill))
        is_start = not (parts and parts[0].is_control)
        words = [part.text for part in parts if not part.is_control]
        texts = iter(self._tokenizer.encode_texts(words, is_start=is_start))
        control_ids = self._tokenizer.control_ids
        ids: list[int] = []
        for part in parts:
            ids.extend((control_ids[part.text],) if part.is_control else next(texts))
        bos_id = self._tokenizer.bos_id
        if self._tokenizer.add_bos and bos_id is not None and ids[:1] != [bos_id]:
            ids.insert(0, bos_id)
        return ids

    def open_text(self, stop: Sequence[str] = (), prefill: str = "") -> TextStream:
        """Return a stream of one reply's text; it ends before `stop`, or where a base model's answer ends.

        A space that only parts the reply from the prompt is left out.
        """
        stops = tuple(stop) if self._template else (*stop, *STOP_STRINGS)
        return TextStream(self._tokenizer, stops, drops_first_space=self.drops_first_space(prefill))

    def drops_first_space(self, prefill: str = "") -> bool:
        """Whether a space that starts the reply only parts it from the prompt."""
        return not prefill and (self._template is None or self._tokenizer.add_space_prefix)

    def _parts(self, messages: Sequence[Message], prefill: str) -> list[Part]:
        shielded = [self._shielded(message) for message in system_in_force(messages)]
        parts = self._cut(shielded, prefill)
        if any(self._guard.could_be_wrapped(message.content) for message in shielded):
            # A template might write half a control string on either side of a content.
            wrapped = [Message(message.role, wrap(message.content)) for message in shielded]
            safe = self._cut(wrapped, prefill)
            if _controls(safe) != _controls(parts):
                return safe
        return parts

    def _stripped(self, parts: Sequence[Part]) -> list[Part]:
        """Take away the white space that control tokens swallow, as the families' own tokenizers do."""
        swallows = [self._tokenizer.strips(p.text) if p.is_control else (False, False) for p in parts]
        texts = [part.text for part in parts]
        for n, (left, right) in enumerate(swallows):
            if left and n and not parts[n - 1].is_control:
                texts[n - 1] = texts[n - 1].rstrip()
            if right and n + 1 < len(parts) and not parts[n + 1].is_control:
                texts[n + 1] = texts[n + 1].lstrip()
        return [Part(text, part.is_control) for text, part in zip(texts, parts, strict=True) if text]

    def _cut(self, shielded: Sequence[Message], prefill: str) -> list[Part]:
        text = self._template.render(shielded) if self._template else render_plain(shielded)
        if not self._template and prefill:
            text += " "
        return self._guard.cut(text + self._guard.shield(prefill))

    def _shielded(self, message: Message) -> Message:
        content = message.content
        if message.role == "assistant" and self._template and self._template.hides_thoughts:
            # Shielded, the mark would not be found by the template, which would keep the thoughts.
            _, mark, answer = content.rpartition(_END_OF_THOUGHTS)
            content = answer.lstrip("\n") if mark else content
        return Message(message.role, self._guard.shield(content))


def _controls(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if part.is_control]


def open_prompt_encoder(
    tokenizer: Tokenizer, template_source: str | None, *, verdicts: Path | None
) -> PromptEncoder:
    """Make the encoder of a model from its tokenizer and `tokenizer.chat_template`, None for a base model.

    Raises BadModelFile as ChatTemplate.open does.
    """
    if template_source is None:
        return PromptEncoder(tokenizer, None)
    template = ChatTemplate.open(template_source, tokenizer.special_texts, verdicts=verdicts)
    return PromptEncoder(tokenizer, template)
