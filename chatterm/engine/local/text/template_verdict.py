"""Whether a model's chat template may be used: tried out in a child process with limits, and remembered.

A verdict is kept by what it depends on: the template, its variables, jinja2's version and the samples. It
holds no text of the user, and none of the template's beyond the reason why it failed.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from chatterm.engine.local.text.template_child import CPU_LIMIT_S
from chatterm.engine.local.text.template_render import Traits
from chatterm.errors import BadModelFile

_TRIAL = 1
"""To be raised whenever the samples or the rules of a trial change, so that older verdicts are not used."""
_PATIENCE_S = 60
"""Of wall time: a machine that needs longer for the two seconds of work gives the child next to no time."""

_BOOT = (
    "import json, sys; call = json.load(sys.stdin); sys.path += call['path'];"
    " from chatterm.engine.local.text.template_child import run_child;"
    " run_child(call['source'], call['texts'])"
)
_PACKAGES = ("chatterm", "jinja2", "markupsafe")
"""What the child imports beyond the standard library; it sees no other folder."""

_Verdict = dict[str, object]

_log = logging.getLogger(__name__)


def judge(source: str, special_texts: Mapping[str, str], folder: Path | None) -> Traits:
    """Return what the template can do, by a verdict in `folder` or by trying it out, which takes 0.1 s.

    Raises BadModelFile where it exceeds a limit of time, memory or output, or does not work at all.
    """
    path = folder / _verdict_name(source, special_texts) if folder else None
    verdict = _read(path) if path else None
    if verdict is None:
        verdict = _try_out_in_child(source, special_texts)
        if path:
            _write(path, verdict)
    if "reason" in verdict:
        raise _refusal(str(verdict["reason"]))
    return Traits(**cast(dict[str, bool], verdict))


def _refusal(reason: str) -> BadModelFile:
    return BadModelFile(f"the model's chat template cannot be used: {reason}; try another file of this model")


def _try_out_in_child(source: str, special_texts: Mapping[str, str]) -> _Verdict:
    """Return a verdict. Raises BadModelFile where the child came to none, which need not happen again."""
    specs = filter(None, map(importlib.util.find_spec, _PACKAGES))
    path = list(dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in specs if spec.origin))
    call = json.dumps({"source": source, "texts": dict(special_texts), "path": path})
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _BOOT],
            input=call.encode(),
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
            start_new_session=True,  # Ctrl-C is for chatterm, not for the child
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _refusal(f"it could not be tried out ({error})") from error
    if done.returncode == -signal.SIGXCPU:
        return {"reason": f"it runs for more than {CPU_LIMIT_S} s"}
    verdict = _parse(done.stdout)
    if verdict is None:
        raise _refusal(f"the process that tried it out ended with status {done.returncode}")
    return verdict


def _parse(raw: bytes) -> _Verdict | None:
    """Return a verdict that is well formed, else None."""
    try:
        verdict = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(verdict, dict):
        return None
    if verdict.keys() == {"reason"} and isinstance(verdict["reason"], str):
        return verdict
    is_known = verdict.keys() == set(Traits.__slots__) and all(isinstance(v, bool) for v in verdict.values())
    return verdict if is_known else None


def _verdict_name(source: str, special_texts: Mapping[str, str]) -> str:
    key = json.dumps([source, sorted(special_texts.items()), importlib.metadata.version("jinja2"), _TRIAL])
    return f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _read(path: Path) -> _Verdict | None:
    try:
        return _parse(path.read_bytes())
    except OSError:
        return None  # none yet, or not readable: it is tried out again


def _write(path: Path, verdict: _Verdict) -> None:
    """Keep the verdict, for the user's eyes only; without it, the next start takes 0.1 s longer."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)  # made with mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(verdict).encode())
        Path(temporary).replace(path)
    except OSError as error:
        _log.info("the verdict on a chat template could not be kept: %s", error)
