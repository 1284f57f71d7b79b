"""An engine in a host process: the contract of every engine."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.engine.hosted import HostedEngine, open_hosted
from chatterm.engine.registry import EchoModel, EngineOptions
from chatterm.models.discovery import ModelFile
from tests.engine.contract import EngineContract
from tests.support.gguf_files import scripted_gguf

REPLY = "Bridges, tunnels and ferries are three ways over the water — 三条路过水。 The first needs no engine."


class TestHostedEcho(EngineContract):
    @pytest.fixture
    def engine(self, options: EngineOptions) -> Generator[HostedEngine]:
        with closing(open_hosted(EchoModel(), options)) as engine:
            yield engine


class TestHostedLocal(EngineContract):
    @pytest.fixture(scope="class")
    def shared(self, tmp_path_factory: pytest.TempPathFactory) -> Generator[HostedEngine]:
        """Loaded once: importing torch takes a second of each host."""
        folder = tmp_path_factory.mktemp("models")
        model = ModelFile(scripted_gguf(folder / "scripted.gguf", REPLY), "scripted")
        options = EngineOptions(num_threads=1, cache=folder)
        with closing(open_hosted(model, options)) as engine:
            yield engine

    @pytest.fixture
    def engine(self, shared: HostedEngine) -> HostedEngine:
        return shared
