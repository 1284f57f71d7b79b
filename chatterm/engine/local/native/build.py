"""Compiles the C sources beside this file into a shared library, once for each machine and version of them.

Owns the compiler's options and the library's place in the cache. The code is made for the very processor
it runs on, so nothing of it is shipped. Knows nothing of what it computes; torch-free.
"""

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)

_SOURCES = Path(__file__).parent
_OPTIONS = (
    *("-std=gnu11", "-O3", "-shared", "-fPIC", "-pthread"),
    # Vectors of loops with rounding and square roots; NaN and infinity stay what they are.
    *("-fno-math-errno", "-fno-trapping-math"),
    # Vectors wider than the processor's are passed in memory, which nobody else has to know.
    "-Wno-psabi",
)
_LIBRARIES = ("-lm",)
_TIMEOUT_S = 120
SUFFIX = ".so"


def library_path(folder: Path, target: str | None = None) -> Path | None:
    """Return the library, compiled into `folder` if it is not there; None where it cannot be had.

    `target` is the compiler's option for the processor (None: this one). Where there is no compiler
    (`CC`, `cc`, `gcc` or `clang`), where it fails, or where the folder is not writable, that is logged, and
    the engine goes on without.
    """
    compiler = find_compiler()
    if compiler is None:
        _log.info("no C compiler: the engine uses torch's own operations")
        return None
    target = target or _this_processor()
    path = folder / f"{_key(compiler, target)}{SUFFIX}"
    try:
        return path if path.exists() else _compile(compiler, target, path)
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("the C decoder could not be compiled, so torch's own operations are used: %s", error)
        return None


def find_compiler() -> Path | None:
    """Return the C compiler that will be used: `CC`, `cc`, `gcc` or `clang`, None where there is none."""
    names = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    found = (shutil.which(name) for name in names if name)
    return next((Path(path).resolve() for path in found if path), None)


def _key(compiler: Path, target: str) -> str:
    """Name what the library depends on: sources, options, compiler, processor."""
    state = compiler.stat()
    parts = [*_OPTIONS, target, str(compiler), str(state.st_size), str(state.st_mtime_ns), *_processor()]
    digest = hashlib.sha256("\0".join(parts).encode())
    for source in sorted([*_SOURCES.glob("*.c"), *_SOURCES.glob("*.h")]):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:32]


def _processor() -> Iterator[str]:
    yield platform.system()
    yield platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        yield platform.processor()
        return
    # The model, and what it can do; once, not for each of its cores.
    wanted = ("model name", "flags", "Features", "CPU part")
    yield from sorted({line for line in lines if line.startswith(wanted)})


def _compile(compiler: Path, target: str, path: Path) -> Path:
    """Compile beside the place and move it there whole: another process may be doing the same."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        made = Path(scratch) / path.name
        sources = map(str, sorted(_SOURCES.glob("*.c")))
        command = [str(compiler), *_OPTIONS, target, *sources, "-o", str(made), *_LIBRARIES]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode:
            raise OSError(f"{compiler} said: {done.stderr.strip()[:500]}")
        made.replace(path)
    return path


def _this_processor() -> str:
    """Apple's clang knows its processors by -mcpu alone."""
    is_arm = platform.machine() in {"arm64", "aarch64"}
    return "-mcpu=native" if is_arm else "-march=native"
