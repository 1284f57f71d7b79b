"""Renders a model's chat template, and tries one out. Imports only jinja2, so that a bare child process can.

A chat template is a program from the model's file. Jinja's immutable sandbox keeps it from reaching Python;
it does not keep it from running for ever or filling the memory: `template_child` is for that. What a template
does with other messages than those it was tried with is limited in time here.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE_FAULTS = (
    jinja2.TemplateError, ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError,
    SyntaxError, TypeError, ValueError,
)  # fmt: skip
"""What compiling or rendering raises when a template is wrong, or refuses the messages."""

OUTPUT_FLOOR = 2**20
OUTPUT_RATIO = 20
"""Rendered text may have so many characters, and so many for each character of the messages."""

RENDER_LIMIT_S = 3.0
"""Of processor time: more than a trial may take, and a thousand times what any conversation needs."""

BLANK = "\udfff"
"""Stands for no text at all: a template takes it for a text, and it is taken out of what was rendered.
A lone surrogate, which cleaned text and a file's UTF-8 can not hold."""

TemplateMessage = dict[str, str]
"""`role` and `content`, as templates take them."""


class OutputTooLong(Exception):
    """A template wrote more than it may."""


class RunsTooLong(Exception):
    """A template was not done in RENDER_LIMIT_S."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What was learnt by trying a template out."""

    has_system_role: bool
    """False: it raises on a system message, or leaves its text or the question after it out."""
    has_builtin_system: bool
    """It writes a system text of its own where the messages have none, and one that is given replaces it."""


class TemplateUnusable(Exception):
    """A template does not render a single question; the text says why."""


class _Generation(Extension):
    """`{% generation %}` marks replies for training, and is nothing here but its body."""

    tags = {"generation"}  # noqa: RUF012  # jinja2 declares it as a plain class variable

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Environment(ImmutableSandboxedEnvironment):
    """Looks at the clock at every step of a loop and at every call; one long operation is not cut short."""

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        self._clock = threading.local()
        self.filters["_timed"] = self._timed

    def start_clock(self) -> None:
        """Give this thread's rendering its time."""
        self._clock.deadline = time.thread_time() + RENDER_LIMIT_S  # of each thread its own

    def check_clock(self) -> None:
        """Raise RunsTooLong where the time is over."""
        if time.thread_time() > self._clock.deadline:
            raise RunsTooLong

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805  # as jinja2's
        __self.check_clock()
        return super().call(__context, __obj, *args, **kwargs)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_timed", [], [], None, None, lineno=loop.lineno)
        return tree

    def _timed(self, values: Iterable[object]) -> Iterator[object]:
        for value in values:
            self.check_clock()
            yield value


class CompiledTemplate:
    """A template that can be rendered. Variables and functions are those that transformers gives."""

    def __init__(
        self, source: str, special_texts: Mapping[str, str], now: Callable[[], datetime] = datetime.now
    ) -> None:
        """Compile it; `now` is what `strftime_now` tells. Raises one of TEMPLATE_FAULTS."""
        self._environment = environment = _Environment()
        environment.filters["tojson"] = _to_json
        environment.globals.pop("lipsum")
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = lambda layout: now().strftime(layout)
        self._template = environment.from_string(source)
        self._special_texts = dict(special_texts)

    def render(self, messages: Sequence[TemplateMessage]) -> str:
        """Return the prompt, up to where the reply begins.

        Raises OutputTooLong, RunsTooLong or one of TEMPLATE_FAULTS.
        """
        self._environment.start_clock()
        limit = OUTPUT_FLOOR + OUTPUT_RATIO * sum(len(message["content"]) for message in messages)
        parts = self._template.generate(
            messages=list(messages),
            add_generation_prompt=True,
            tools=None,
            documents=None,
            **self._special_texts,
        )
        return "".join(_limited(parts, limit))


def _limited(parts: Iterator[str], limit: int) -> Iterator[str]:
    for part in parts:
        limit -= len(part)
        if limit < 0:
            raise OutputTooLong
        yield part


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own escapes `<` and `>`, which models have never seen."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


_SYSTEM = "Probe: speak only in verses about harbours."
_QUESTION = "Probe: which bridge is the longest?"
_REPLY = "Probe: the one over the bay."
_NOW = datetime(2024, 7, 26, 12, 0)  # fixed, so that two renderings can be compared


def try_out(source: str, special_texts: Mapping[str, str]) -> Traits:
    """Compile and render sample messages of all three roles.

    Raises TemplateUnusable, or OutputTooLong; takes what the template takes of time and memory.
    """
    try:
        template = CompiledTemplate(source, special_texts, lambda: _NOW)
        bare = template.render([_message("user", _QUESTION)])
    except TEMPLATE_FAULTS as error:
        raise TemplateUnusable(_describe(error)) from error
    if _QUESTION not in bare:
        raise TemplateUnusable("it leaves the user's text out")
    turn = [_message("user", _QUESTION), _message("assistant", _REPLY)]
    _attempt(template, [*turn, _message("user", _QUESTION)])
    _attempt(template, [_message("system", _SYSTEM), *turn, _message("user", _QUESTION)])
    with_system = _attempt(template, [_message("system", _SYSTEM), _message("user", _QUESTION)])
    if _SYSTEM not in with_system or _QUESTION not in with_system:
        return Traits(has_system_role=False, has_builtin_system=False)
    builtin = _replaced_text(bare, with_system)
    blanked = _attempt(template, [_message("system", BLANK), _message("user", _QUESTION)])
    return Traits(has_system_role=True, has_builtin_system=bool(builtin) and builtin not in blanked)


def _attempt(template: CompiledTemplate, messages: Sequence[TemplateMessage]) -> str:
    """Return the prompt, empty where the template refuses the messages."""
    try:
        return template.render(messages)
    except TEMPLATE_FAULTS:
        return ""


def _replaced_text(bare: str, with_system: str) -> str:
    """Return what stands in `bare` only: the two renderings without their common start and end.

    Empty where the system message is an insertion, so that nothing built in gave way to it.
    """
    limit = min(len(bare), len(with_system))
    start = next((n for n in range(limit) if bare[n] != with_system[n]), limit)
    room = limit - start
    end = next((n for n in range(room) if bare[-1 - n] != with_system[-1 - n]), room)
    return bare[start : len(bare) - end].strip()


def _message(role: str, content: str) -> TemplateMessage:
    return {"role": role, "content": content}


def _describe(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
