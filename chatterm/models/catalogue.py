"""The models that chatterm knows by name, with what is pinned of each: size, sha256 and where it comes from.

Reads `catalogue.toml` beside this file. Knows neither what is installed (`discovery`) nor how to
fetch it (`download`).
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatterm.errors import UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSource:
    """A Python package whose wheel holds the model file."""

    package: str
    version: str
    member: str
    """Path of the model file inside the wheel."""
    download_size: int
    """Of the wheel, in bytes."""

    def __str__(self) -> str:
        return f"Python package {self.package} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One model that can be had by its name."""

    name: str
    aliases: tuple[str, ...]
    title: str
    """For people."""
    file_name: str
    """In the models folder."""
    size: int
    """Of the model file, in bytes."""
    sha256: str
    """Of the model file, in hexadecimal; pinned here, whatever the source says."""
    licence: str
    """SPDX identifier."""
    languages: tuple[str, ...]
    """BCP 47 codes the model is known to cover."""
    num_parameters: int
    quantisation: str
    """The block type of most weights."""
    context_length: int
    """In tokens, as trained."""
    source: PackageSource


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries, and which is used where none is named."""

    entries: tuple[CatalogueEntry, ...]
    default: CatalogueEntry

    def get(self, name: str) -> CatalogueEntry | None:
        """Return the entry of that name or alias, whatever its case; None where there is none."""
        wanted = name.casefold()
        return next((e for e in self.entries if wanted in {n.casefold() for n in (e.name, *e.aliases)}), None)

    def find(self, name: str) -> CatalogueEntry:
        """Return the entry of that name or alias. Raises UnknownName with the nearest one."""
        entry = self.get(name)
        if entry is None:
            raise UnknownName("model", name, self.names, "(`chatterm models list` shows what there is)")
        return entry

    def of_file(self, file_name: str) -> CatalogueEntry | None:
        """Return the entry that is kept under this file name."""
        return next((entry for entry in self.entries if entry.file_name == file_name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name and alias."""
        return tuple(name for entry in self.entries for name in (entry.name, *entry.aliases))


def load_catalogue() -> Catalogue:
    """Read the catalogue that chatterm ships."""
    with Path(__file__).with_name("catalogue.toml").open("rb") as file:
        return parse_catalogue(tomllib.load(file))


def parse_catalogue(table: Mapping[str, Any]) -> Catalogue:  # Any: TOML
    """Make a catalogue of its TOML table; a fault in it is a bug of ours (TypeError, KeyError)."""
    entries = {name: _parse_entry(name, fields) for name, fields in table["models"].items()}
    return Catalogue(tuple(entries.values()), entries[table["default"]])


def _parse_entry(name: str, fields: Mapping[str, Any]) -> CatalogueEntry:  # Any: TOML
    lists = {key: tuple(fields[key]) for key in ("aliases", "languages")}
    return CatalogueEntry(**{**fields, **lists, "name": name, "source": PackageSource(**fields["source"])})
