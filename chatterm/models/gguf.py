"""A GGUF model file, mapped into memory: metadata, tensors and their bytes.

Owns the open file. Everything in the header is checked against the file before it is believed
(`gguf_header`); what the keys mean is the business of `hyperparameters` and the engine. Tensors' bytes are
not copied here: pages come from disk when they are touched, so the file must be whole until then. An engine
that lives longer than a reader reads what it needs (`engine.local.weights.tensors`).
"""

import hashlib
import mmap
import reprlib
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, TypeVar

from chatterm.errors import BadModelFile
from chatterm.models.block_types import BlockType
from chatterm.models.gguf_cursor import HeaderError, MetadataValue
from chatterm.models.gguf_header import Header, TensorInfo, parse_header
from chatterm.models.magic import GGUF_MAGIC, describe_stranger
from chatterm.models.mapped_file import map_file

__all__ = ["BlockType", "GGUFFile", "MetadataValue", "TensorInfo"]

_T = TypeVar("_T", str, int, float, bool)


class GGUFFile:
    """An open model file; use as a context manager, or call `close`."""

    def __init__(self, path: Path, mapped: mmap.mmap, header: Header) -> None:
        """Take over `mapped`; `open` is the way to make one."""
        self.path = path
        self.size = len(mapped)
        self.version = header.version
        self.metadata: Mapping[str, MetadataValue] = MappingProxyType(header.metadata)
        self.tensors: Mapping[str, TensorInfo] = MappingProxyType(header.tensors)
        self._mapped = mapped
        self._view = memoryview(mapped)
        self.header_sha256 = hashlib.sha256(self._view[: header.num_bytes]).hexdigest()
        """Of the bytes before the tensors' data: with size and time it names the file in caches."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map the file and check its header.

        Raises ModelNotFound where there is no such file, BadModelFile where it is anything but a
        sound GGUF file of version 2 or 3, little-endian.
        """
        mapped = _map(path)
        view = memoryview(mapped)
        try:
            return cls(path, mapped, parse_header(view))
        except HeaderError as error:
            raise BadModelFile(f"{path} is not a sound GGUF file: {error}") from error
        finally:
            view.release()

    @property
    def architecture(self) -> str:
        return self.require("general.architecture", str)

    def tensor_data(self, name: str) -> memoryview:
        """Return the tensor's bytes, read only and not copied. Raises BadModelFile where it is absent."""
        tensor = self.tensors.get(name)
        if tensor is None:
            raise BadModelFile(f"{self.path} has no tensor {name!r}, which its architecture needs")
        return self._view[tensor.offset : tensor.offset + tensor.num_bytes]

    def require(self, key: str, kind: type[_T]) -> _T:
        """Return the value of `key`. Raises BadModelFile where it is absent or of another kind."""
        if key not in self.metadata:
            raise BadModelFile(f"{self.path} has no metadata key {key!r} (expected {_NAMES[kind]})")
        return self._checked(key, self.metadata[key], kind)

    def get(self, key: str, kind: type[_T], default: _T) -> _T:
        """Return the value of `key`, or `default`. Raises BadModelFile where it is of another kind."""
        return self._checked(key, self.metadata[key], kind) if key in self.metadata else default

    def get_list(self, key: str, kind: type[_T]) -> list[_T]:
        """Return the array of `key`, empty where it is absent. Raises BadModelFile on another kind.

        Arrays of GGUF are of one type, so the first element speaks for all.
        """
        values = self.metadata.get(key, [])
        if not isinstance(values, list):
            raise BadModelFile(
                f"{self.path}: {key} should be a list (of {_NAMES[kind]} each), but is {reprlib.repr(values)}"
            )
        if values:
            self._checked(key, values[0], kind)
        return values  # type: ignore[return-value]  # checked by its first element, see above

    def close(self) -> None:
        """Unmap the file; harmless when repeated. Views that are still held keep the mapping alive."""
        self._view.release()
        try:
            self._mapped.close()
        except BufferError:
            # A tensor's view is alive: unmapping under it would crash its reader. The last view unmaps.
            return

    def _checked(self, key: str, value: MetadataValue, kind: type[_T]) -> _T:
        is_number = not isinstance(value, bool)
        if kind is float and is_number and isinstance(value, int):
            return float(value)
        if isinstance(value, kind) and (kind is bool or is_number):
            return value
        raise BadModelFile(f"{self.path}: {key} should be {_NAMES[kind]}, but is {reprlib.repr(value)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _map(path: Path) -> mmap.mmap:
    """Map a regular file that starts with GGUF's magic."""

    def check_mode(mode: int) -> None:
        if stat.S_ISDIR(mode):
            raise BadModelFile(f"{path} is a folder; name a .gguf file in it")
        if not stat.S_ISREG(mode):
            raise BadModelFile(f"{path} is not a regular file; name a .gguf file")

    def check_head(head: bytes) -> None:
        if not head.startswith(GGUF_MAGIC):
            raise BadModelFile(f"{path}: {describe_stranger(head) if head else 'the file is empty'}")

    return map_file(path, check_mode, check_head, missing="`chatterm models list` shows what is there")
