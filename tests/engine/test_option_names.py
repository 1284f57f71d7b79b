"""Options by name, as `ask -o` and the app's /set take them."""

import pytest

from chatterm.engine.option_names import SAMPLING_OPTIONS, option, sampling_option
from chatterm.errors import ChattermError


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("temperature", "0.5", ("temperature", 0.5)),
        ("num_predict", "30", ("max_tokens", 30)),
        ("loop_detection", "off", ("loop_detection", False)),
        ("stop", "\n\n", ("stop", ["\n\n"])),
    ],
)
def test_a_sampling_option_has_its_name_and_type(key: str, text: str, expected: tuple[str, object]) -> None:
    assert sampling_option(key, text) == expected


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("temprature", "1", "did you mean 'temperature'"),
        ("temperature", "warm", "-o temperature: temperature must be a number, found 'warm'"),
        ("temperature", "9", "temperature must be from 0 to 2, found 9"),
        ("temperature", "nan", "temperature must be from 0 to 2, found nan"),
        ("stop", "", "a stop string must not be empty"),
        ("num_ctx", "4096", "num_ctx is the engine's"),
    ],
)
def test_what_is_no_sampling_option_says_why(key: str, text: str, message: str) -> None:
    with pytest.raises(ChattermError, match=message) as caught:
        sampling_option(key, text)
    assert caught.value.exit_code == 2


def test_the_engines_options_are_options_too() -> None:
    assert option("num_ctx", "4096") == ("ctx", 4096)
    assert "ctx" not in SAMPLING_OPTIONS
