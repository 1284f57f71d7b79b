"""What the child process does in which an unknown chat template is tried out: it renders.

A template that never ends or fills the memory ends this process and nothing else. Imports jinja2 and the
standard library only. The messages are fixed samples: no text of the user comes here.
"""

import json
from dataclasses import asdict

from chatterm.engine.local.text.template_render import OutputTooLong, TemplateUnusable, try_out

TOO_LONG = "it writes far more than the messages hold"


def verdict(call: bytes) -> bytes:
    """Return a verdict as JSON: the fields of Traits, or `reason`, why the template cannot be used.

    `call`: JSON with the template's `source` and its special `texts`.
    """
    return json.dumps(_verdict(**json.loads(call))).encode()


def _verdict(source: str, texts: dict[str, str]) -> dict[str, object]:
    try:
        return asdict(try_out(source, texts))
    except TemplateUnusable as error:
        return {"reason": str(error)}
    except OutputTooLong:
        return {"reason": TOO_LONG}
