"""The slash commands: what each is called, takes and does. Completion, help and running read this table."""

from dataclasses import dataclass
from typing import Literal

from chatterm.errors import UnknownName, UsageError

Taking = Literal["nothing", "optional", "required"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something to do instead of sending a message."""

    name: str
    help: str
    action: str
    """A Textual action, run where the composer is; the argument is added to it where there is one."""
    argument: str = ""
    """As it is called in the help; empty where the command takes none."""
    taking: Taking = "nothing"

    @property
    def usage(self) -> str:
        argument = f" [{self.argument}]" if self.taking == "optional" else f" {self.argument}"
        return f"/{self.name}{argument if self.argument else ''}"


COMMANDS = (
    Command(name="help", help="every key and command", action="screen.help"),
    Command(name="new", help="begin a conversation", action="screen.new_conversation"),
    Command(
        name="model", argument="NAME", taking="optional", help="choose another model", action="screen.model"
    ),
    Command(
        name="prompt",
        argument="NAME",
        taking="optional",
        help="choose a prompt of the library",
        action="screen.library",
    ),
    Command(
        name="system",
        argument="TEXT",
        taking="optional",
        help="the system message from the next question on; without a text, the one before",
        action="system",
    ),
    Command(
        name="set",
        argument="KEY VALUE",
        taking="required",
        help="a sampling option of this conversation, as `ask -o` has them",
        action="set",
    ),
    Command(name="file", argument="PATH", taking="required", help="attach a document", action="file"),
    Command(name="regen", help="another reply to the last question", action="screen.regenerate"),
    Command(name="edit", help="edit the last question", action="screen.edit_question"),
    Command(name="branch", help="go on from the message that is chosen", action="screen.branch"),
    Command(name="copy", help="copy the last reply", action="screen.copy_reply"),
    Command(
        name="rename", argument="TITLE", taking="optional", help="give another title", action="screen.rename"
    ),
    Command(name="delete", help="delete the conversation, after asking", action="screen.delete_conversation"),
    Command(
        name="export",
        argument="PATH",
        taking="optional",
        help="write the conversation to a new file: .md, or .json with every branch",
        action="screen.export",
    ),
    Command(
        name="import",
        argument="PATH",
        taking="optional",
        help="take in conversations of chatterm, ChatGPT or llm",
        action="screen.import_file",
    ),
    Command(
        name="search",
        argument="WORDS",
        taking="optional",
        help="search all conversations",
        action="screen.search",
    ),
    Command(name="settings", help="settings, themes and keys", action="screen.settings"),
    Command(name="tokens", help="count what would be sent", action="screen.tokens"),
    Command(
        name="private", help="go to conversations that are written nowhere, or back", action="app.private"
    ),
    Command(name="quit", help="leave; what was said is kept", action="app.quit"),
)

SEND_SLASH = "a message that begins with / is sent with a second / or a space before it"


@dataclass(frozen=True, slots=True)
class Call:
    """A command with what was typed after it."""

    command: Command
    argument: str

    @property
    def action(self) -> str:
        """The action as Textual reads it."""
        return f"{self.command.action}({self.argument!r})" if self.argument else self.command.action


def is_command(text: str) -> bool:
    """Whether `text` is meant as a command, one that exists or not."""
    return text.startswith("/") and not text.startswith("//")


def call_of(text: str) -> Call | None:
    """Return the command that `text` is; None where it is a message.

    Raises UnknownName for a command that does not exist, UsageError for an argument missing or too much.
    """
    if not is_command(text):
        return None
    name, _, argument = text[1:].partition(" ") if " " in text.split("\n", 1)[0] else text[1:].partition("\n")
    found = next((one for one in COMMANDS if one.name == name), None)
    if found is None:
        shown = f"/{name[:30]}"
        raise UnknownName("command", shown, [f"/{one.name}" for one in COMMANDS], f"({SEND_SLASH})")
    argument = argument.strip()
    if found.taking == "required" and not argument:
        raise UsageError(f"/{name} needs more: {found.usage}: {found.help}")
    if found.taking == "nothing" and argument:
        raise UsageError(f"/{name} takes nothing after it ({SEND_SLASH})")
    return Call(found, argument)


def as_message(text: str) -> str:
    """Return what is sent where `text` is no command: of two leading slashes one is left."""
    return text[1:] if text.startswith("//") else text
