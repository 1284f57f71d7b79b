"""The prompt of a base model, which has no chat template: an instruction and examples, to be continued."""

from collections.abc import Sequence

from chatterm.conversation import Message

STOP_STRINGS = ("\n\nInput:", "\nInput:")
"""Where the model goes on to the next input by itself, its answer is over."""


def render_plain(messages: Sequence[Message]) -> str:
    """Return `instruction`, then `Input: ...` and `Output: ...` in turn, up to where the answer begins.

    A system message is the instruction, replies are the outputs of examples.
    """
    parts = []
    for message in messages:
        if message.role == "system":
            parts.append(f"{message.content}\n\n")
        elif message.role == "user":
            parts.append(f"Input: {message.content}\n")
        else:
            parts.append(f"Output: {message.content}\n\n")
    return "".join([*parts, "Output:"])
