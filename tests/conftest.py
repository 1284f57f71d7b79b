"""What every test gets: a home of its own, no network, and the fixtures that several folders share."""

import gc
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from chatterm.config import PREFIX, Paths
from chatterm.models.cache import NATIVE
from chatterm.models.catalogue import load_catalogue

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
# Checks are the same in every run; `HYPOTHESIS_PROFILE=explore pytest ...` looks for new examples.

USER_PATHS = Paths.from_environment(os.environ)
"""The paths as they were before any test moved them: the models folder that setup filled."""


def pytest_collection_finish() -> None:
    """Leave what pytest holds of thousands of tests out of every search for garbage while they run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The default model's file, which `make setup` fetches."""
    path = USER_PATHS.models / load_catalogue().default.file_name
    assert path.exists(), f"{path} is missing; `make setup` fetches it"
    return path


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for what is compiled for this machine, once for all tests and all their processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kernels"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, kernels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty CHATTERM_HOME but for the kernels; child processes inherit it, and cannot fetch packages."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    cache = folder / "cache"
    cache.mkdir(mode=0o700)
    (cache / NATIVE).symlink_to(kernels)
    monkeypatch.setenv("CHATTERM_HOME", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only Unix sockets connect; anything else fails the test that tried."""
    tried: list[object] = []
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX:
            tried.append(address)
            raise OSError(f"a test tried to reach {address}")
        connect(self, address)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(socket.socket, "connect", guarded)
    yield
    assert not tried, f"the network was used: {tried}"
