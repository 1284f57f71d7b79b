"""Config: precedence, origins, and errors that name place and key."""

from pathlib import Path

import pytest

from chatterm.config import KEYS, Config, Paths, load_config
from chatterm.errors import ChattermError, ConfigError, UnknownName


def load(tmp_path: Path, text: str | None = None, **environ: str) -> Config:
    environ["CHATTERM_HOME"] = str(tmp_path)
    paths = Paths.from_environment(environ)
    if text is not None:
        paths.config_file.parent.mkdir(parents=True, exist_ok=True)
        paths.config_file.write_text(text, encoding="utf-8")
    return load_config(environ, paths)


def test_without_a_file_every_value_has_its_default(tmp_path: Path) -> None:
    assert load(tmp_path) == Config()
    assert {origin for _, _, origin in load(tmp_path).settings()} == {"default"}
    assert tuple(key for key, _, _ in load(tmp_path).settings()) == KEYS


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = 'model = "a"\ntemperature = 1\noffline = true\n'
    config = load(tmp_path, text, CHATTERM_MODEL="b", CHATTERM_TOP_K="7")
    assert (config.model, config.temperature, config.offline, config.top_k) == ("b", 1.0, True, 7)
    origins = {key: origin for key, _, origin in config.settings()}
    assert origins["model"] == "CHATTERM_MODEL"
    assert origins["temperature"].endswith("config.toml")
    assert origins["lang"] == "default"


@pytest.mark.parametrize(
    ("text", "environ", "words"),
    [
        ("temprature = 1", {}, ["temprature", "temperature", "config.toml"]),
        ("temperature = 'hot'", {}, ["temperature", "a number", "'hot'"]),
        ("top_k = 1.5", {}, ["top_k", "a whole number", "1.5"]),
        ("top_k = true", {}, ["top_k", "a whole number", "True"]),
        ("lang = 'fr'", {}, ["lang", "`zh`", "'fr'"]),
        ("quantize = 'int5'", {}, ["quantize", "`int4` or `int8`", "'int5'"]),
        ("offline = 1", {}, ["offline", "true or false"]),
        ("model = [1]", {}, ["model", "a text"]),
        ("[model", {}, ["config.toml", "TOML"]),
        ("", {"CHATTERM_SEED": "x"}, ["CHATTERM_SEED", "a whole number", "'x'"]),
        ("", {"CHATTERM_OFFLINE": "maybe"}, ["CHATTERM_OFFLINE", "true or false"]),
        ("", {"CHATTERM_MODLE": "x"}, ["CHATTERM_MODLE", "'model'"]),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, text: str, environ: dict[str, str], words: list[str]
) -> None:
    with pytest.raises((ConfigError, UnknownName)) as error:
        load(tmp_path, text, **environ)
    assert error.value.exit_code == 2
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    path = Paths.from_environment({"CHATTERM_HOME": str(tmp_path)}).config_file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"config\.toml"):
        load(tmp_path)


def test_xdg_folders_are_honoured_and_relative_ones_ignored() -> None:
    paths = Paths.from_environment(
        {"HOME": "/home/u", "XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "relative"}
    )
    assert paths.database == Path("/data/chatterm/chatterm.db")
    assert paths.config_file == Path("/home/u/.config/chatterm/config.toml")


def test_one_variable_moves_every_path(tmp_path: Path) -> None:
    paths = Paths.from_environment({"CHATTERM_HOME": str(tmp_path), "XDG_DATA_HOME": "/data"})
    for name in Paths.__slots__:
        assert getattr(paths, name).is_relative_to(tmp_path), name


def test_every_error_class_has_an_exit_code_of_the_table() -> None:
    def classes(root: type[ChattermError]) -> list[type[ChattermError]]:
        return [root, *(deeper for child in root.__subclasses__() for deeper in classes(child))]

    documented = {1, 2, 3, 4, 5, 6, 7, 8, 9}
    assert {one.exit_code for one in classes(ChattermError)} == documented
