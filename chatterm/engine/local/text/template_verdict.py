"""Whether a model's chat template may be used: tried out in a child process with limits, and remembered.

A verdict is kept by what it depends on: the template, its variables, jinja2's version and the samples. It
holds no text of the user, and none of the template's beyond the reason why it failed.
"""

import hashlib
import importlib.metadata
import json
import logging
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from chatterm.confined import ChildFailed, Limits, run_confined
from chatterm.engine.local.text.template_render import Traits
from chatterm.errors import BadModelFile
from chatterm.models.cache import keep_entry

_TRIAL = 1
"""To be raised whenever the samples or the rules of a trial change, so that older verdicts are not used."""
_LIMITS = Limits(cpu_s=2, memory=512 * 2**20, output=2**20, patience_s=60)
_CHILD = "chatterm.engine.local.text.template_child:verdict"

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
    call = json.dumps({"source": source, "texts": dict(special_texts)})
    try:
        verdict = _parse(run_confined(_CHILD, ["jinja2", "markupsafe"], call.encode(), _LIMITS))
    except ChildFailed as failure:
        if failure.status == -signal.SIGXCPU:
            return {"reason": f"it runs for more than {_LIMITS.cpu_s} s"}
        if failure.why == "memory":
            return {"reason": f"it takes more than {_LIMITS.memory >> 20} MB of memory"}
        raise _refusal(f"it could not be tried out: {failure}") from failure
    if verdict is None:
        raise _refusal("the process that tried it out came to no verdict")
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
    """Keep the verdict; without it, the next start takes 0.1 s longer."""
    try:
        keep_entry(path, json.dumps(verdict).encode())
    except OSError as error:
        _log.info("the verdict on a chat template could not be kept: %s", error)
