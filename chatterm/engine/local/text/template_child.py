"""The child process in which an unknown chat template is tried out: it limits itself, then renders.

A template that never ends or fills the memory ends this process and nothing else. Imports jinja2 and the
standard library only. The messages are fixed samples: no text of the user comes here.
"""

import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict

from chatterm.engine.local.text.template_render import OutputTooLong, TemplateUnusable, try_out

CPU_LIMIT_S = 2
MEMORY_LIMIT = 512 * 2**20
"""In bytes of address space. macOS does not enforce such a limit; the limit of time holds there too."""

TOO_LONG = "it writes far more than the messages hold"
TOO_LARGE = f"it takes more than {MEMORY_LIMIT >> 20} MB of memory"


def run_child(source: str, special_texts: Mapping[str, str]) -> None:
    """Print a verdict as JSON: the fields of Traits, or `reason`, why the template cannot be used."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 1))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    sys.stdout.write(json.dumps(_verdict(source, special_texts)))


def _verdict(source: str, special_texts: Mapping[str, str]) -> dict[str, object]:
    try:
        return asdict(try_out(source, special_texts))
    except TemplateUnusable as error:
        return {"reason": str(error)}
    except OutputTooLong:
        return {"reason": TOO_LONG}
    except MemoryError:
        return {"reason": TOO_LARGE}
