"""Takes what needs no coercion past Typer's, which is pydantic's: its import is a third of a short command.

Only values that pydantic would hand back as they are go past it: none at all, a default, a text, a list of
texts. All others are read as Typer reads them.
"""

from typing import Any

import typer
from typer.core import TyperArgument, TyperOption


class LightOption(TyperOption):
    """An option whose plain values are taken as they are."""

    def process_value(self, ctx: Any, value: Any) -> Any:  # as Typer has it, whose types are private
        is_plain, plain = _plain(self, value)
        if not is_plain:
            return super().process_value(ctx, value)
        return self.callback(ctx, self, plain) if self.callback else plain


class LightArgument(TyperArgument):
    """An argument whose plain values are taken as they are."""

    def process_value(self, ctx: Any, value: Any) -> Any:  # as Typer has it, whose types are private
        is_plain, plain = _plain(self, value)
        if not is_plain:
            return super().process_value(ctx, value)
        return self.callback(ctx, self, plain) if self.callback else plain


def lighten(command: Any, parent: typer.Context | None = None) -> None:
    """Make the parameters of a command, and of those below it, light. In place: Typer has no seam for it.

    `command` is one of Typer's, whose class is private.
    """
    context = typer.Context(command, parent=parent, **command.context_settings)
    for parameter in command.get_params(context):
        if type(parameter) is TyperOption:
            parameter.__class__ = LightOption
        elif type(parameter) is TyperArgument:
            parameter.__class__ = LightArgument
    for child in getattr(command, "commands", {}).values():
        lighten(child, context)


def _plain(parameter: TyperOption | TyperArgument, value: Any) -> tuple[bool, Any]:
    """Return whether `value` needs no coercion, and what it is then. Any: it comes from the command line."""
    if parameter.required:
        return False, None
    is_many = parameter.multiple or parameter.nargs == -1
    if value is None:
        return True, () if is_many else None
    annotation = parameter.type_descriptor.annotation
    if is_many and annotation == list[str] and all(isinstance(one, str) for one in value):
        return True, list(value)
    # A number from the command line is a text here; one of its own type is the default.
    return not is_many and annotation in (str, int, bool) and type(value) is annotation, value
