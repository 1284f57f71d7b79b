"""How much memory a program may still take: what the system has, within the limits set to this process.

Linux: MemAvailable of /proc/meminfo (what can be had without swapping, page cache included), the limits
of the cgroups this process is in (v2 and v1; kernel: `admin-guide/cgroup-v2.rst`), and its own (`ulimit`).
macOS: vm_stat. Devices with memory of their own are the engine's to ask.
"""

import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_NO_LIMIT = 2**62
"""cgroup v1 says "no limit" with a number near this one."""


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that can still be taken; None where the system does not tell.

    `root` is where /proc and /sys are found.
    """
    if sys.platform == "darwin":
        return parse_vm_stat(_output_of_vm_stat())
    found = [_mem_available(root / "proc" / "meminfo"), *_left_in_cgroups(root), *_left_to_process(root)]
    return min((one for one in found if one is not None), default=None)


def _mem_available(meminfo: Path) -> int | None:
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", _text(meminfo), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _left_in_cgroups(root: Path) -> Iterator[int]:
    """Yield what each limit on the way to the root leaves; an unlimited group yields nothing."""
    mount = root / "sys" / "fs" / "cgroup"
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            yield from _left(mount, path, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _left(mount / "memory", path, *names)


def _left(mount: Path, path: str, limit_name: str, usage_name: str, reclaimable: str) -> Iterator[int]:
    """Yield limit - usage of a group and of those above it; pages of files that can go count as free.

    Inside a container the group's own path is often not there, and its files stand at the mount.
    """
    folder = mount / path.strip("/")
    for group in (folder, *folder.parents):
        limit, usage = _number(group / limit_name), _number(group / usage_name)
        if limit is not None and usage is not None and limit < _NO_LIMIT:
            found = re.search(rf"^{reclaimable} (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
            yield max(0, limit - usage + (int(found[1]) if found else 0))
        if group == mount:
            return


def _left_to_process(root: Path) -> Iterator[int]:
    """Yield what the process's own limits leave: on all its addresses, and on those with data."""
    status = _text(root / "proc" / "self" / "status")
    for kind, name in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        limit, used = resource.getrlimit(kind)[0], re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        if used and limit != resource.RLIM_INFINITY:
            yield max(0, limit - int(used[1]) * 1024)


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    """Return the file's text, empty where it is not there or may not be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _output_of_vm_stat() -> str:
    try:
        return subprocess.run(
            ["/usr/bin/vm_stat"], capture_output=True, text=True, check=True, timeout=5
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def parse_vm_stat(text: str) -> int | None:
    """Sum the pages that can be had at once, from vm_stat's listing."""
    size = re.search(r"page size of (\d+) bytes", text)
    names = "free|inactive|speculative|purgeable"
    pages = re.findall(rf"^Pages (?:{names}):\s+(\d+)\.$", text, re.MULTILINE)
    return int(size[1]) * sum(map(int, pages)) if size and pages else None
