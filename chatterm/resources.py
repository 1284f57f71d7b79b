"""Finds the data that chatterm ships: inside the installed package, or in a checkout beside it.

A wheel carries the data as `chatterm/_shipped/`; in a checkout (an editable install included) it lies
at the root. The models' catalogue lies beside its own module.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_prompts() -> Path:
    """Return the folder of the prompt library, one folder a domain in it. Raises as `shipped_folder` does."""
    return shipped_folder("prompts")


def shipped_folder(name: str, package: Path = _PACKAGE) -> Path:
    """Return a folder of shipped data. Raises FileNotFoundError where the installation lacks it."""
    installed = package / "_shipped" / name
    if installed.is_dir():
        return installed
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise FileNotFoundError(f"chatterm lacks its own {name} (expected {installed}); install it again")
