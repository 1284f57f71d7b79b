"""Options of sampling and of the engine by the names that people's fingers know, one at a time, as text."""

from chatterm import config
from chatterm.engine.base import SamplingParams
from chatterm.errors import UnknownName, UsageError

_OLLAMA_NAMES = {
    "num_predict": "max_tokens",
    "num_ctx": "ctx",
    "num_thread": "threads",
}
"""ollama's options that have another name here; the others are called alike."""

_SAMPLING_KEYS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
    "loop_detection",
    "seed",
    "max_tokens",
)

_ENGINE_KEYS = ("prompt_lookup", "ctx", "threads")

STOP = "stop"

SAMPLING_OPTIONS = (*_SAMPLING_KEYS, STOP)
"""What can differ from question to question."""


def option(key: str, text: str) -> tuple[str, object]:
    """Return the name that `key` has here, and the value of `text`; that of `stop` is the text itself.

    Raises UnknownName with the nearest option, ConfigError for a value of the wrong kind.
    """
    name = _OLLAMA_NAMES.get(key, key)
    if name == STOP:
        return name, text
    if name not in (*_SAMPLING_KEYS, *_ENGINE_KEYS):
        raise UnknownName("option", key, [*_SAMPLING_KEYS, *_ENGINE_KEYS, *_OLLAMA_NAMES, STOP])
    return name, config.parsed(name, text, f"-o {key}")


def sampling_option(key: str, text: str) -> tuple[str, object]:
    """Return a sampling option with its value, checked; `stop` is a list of one text.

    Raises what `option` raises, and UsageError for one of the engine's or a value out of its range.
    """
    name, value = option(key, text)
    if name in _ENGINE_KEYS:
        raise UsageError(
            f"{key} is the engine's, which is open: start chatterm with another, or set it in the config"
        )
    if name == STOP:
        value = [value]
        SamplingParams(stop=(text,))
    else:
        SamplingParams(**{name: value})  # type: ignore[arg-type]  # the configuration has these types
    return name, value
