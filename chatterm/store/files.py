"""The database's file before SQLite sees it: what it is, whose it is, who may read it, and where it is."""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from chatterm.errors import StoreError

MOUNTS = Path("/proc/mounts")
"""Linux's table of mounted file systems. Elsewhere there is none, and no file system counts as remote."""

_NETWORK_TYPES = re.compile(
    r"9p|afs|beegfs|ceph|cifs|lustre|ncpfs|nfs4?|prl_fs|smb3|smbfs|vboxsf|fuse\.(davfs|glusterfs|rclone|sshfs)"
)


def prepare(path: Path) -> None:
    """Make sure that `path` is a regular file of this user's, and make it, empty, where there is none.

    What is made is for its owner alone whatever the umask (folders 0700, the file 0600; SQLite gives its -wal
    and -shm the mode of the file), and an existing file that others may open is closed to them. A folder that
    was there keeps its mode. Raises StoreError and OSError.
    """
    _make_folder(path.parent)
    for place in (path.parent, path):
        _refuse_foreign_link(place)
    try:
        # Only a file that was not there is ever opened and closed here: closing another handle on a live
        # database would drop the locks this process holds on it.
        _make_file(path)
    except FileExistsError:
        _check_file(path)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):  # another first start was quicker, or it is no folder: then opening tells
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)


def _make_file(path: Path) -> None:
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _refuse_foreign_link(path: Path) -> None:
    """Refuse a symbolic link that someone else placed, or that leads to someone else's file."""
    if not path.is_symlink():
        return
    user = os.geteuid()
    if path.lstat().st_uid not in (user, 0) or (path.exists() and path.stat().st_uid != user):
        advice = "make it a file of your own, or set CHATTERM_HOME to a folder of your own"
        raise StoreError(f"{path} is a symbolic link that belongs, or leads, to another user; {advice}")


def _check_file(path: Path) -> None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise StoreError(f"{path} is {kind}, but should be the database's file; move it away")
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        with suppress(OSError):  # on a read-only disk it stays as it is, and can still be read
            path.chmod(found.st_mode & 0o700)


def is_writable(path: Path) -> bool:
    """Return whether SQLite may write `path`, which needs its folder too, for the journal."""
    effective = os.access in os.supports_effective_ids
    return all(os.access(place, os.W_OK, effective_ids=effective) for place in (path, path.parent))


def network_type(path: Path, mounts: Path) -> str | None:
    """Return the type of the network file system that holds `path`, None where `mounts` names none.

    `mounts` is in the format of fstab(5); of two mounts at one place the later one counts.
    """
    with suppress(FileNotFoundError):
        return _network_type(path.resolve(), mounts.read_text(errors="surrogateescape"))
    return None


def _network_type(path: Path, mounts: str) -> str | None:
    best, kind = 0, ""
    for line in mounts.splitlines():
        _device, place, found, *_options = line.split(" ")
        point = Path(_unescaped(place))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), found
    return kind if _NETWORK_TYPES.fullmatch(kind) else None


def _unescaped(place: str) -> str:
    for code in ("040", "011", "012", "134"):
        place = place.replace(f"\\{code}", chr(int(code, 8)))
    return place
