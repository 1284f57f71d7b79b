"""Which models the decoder can run, decided from the header alone: torch-free, so a refusal comes at once."""

from chatterm.errors import BadModelFile
from chatterm.models.hyperparameters import Hyperparameters

SUPPORTED_ARCHITECTURES = ("llama",)


def check_runnable(shape: Hyperparameters) -> None:
    """Raise BadModelFile naming what the decoder does not know."""
    if shape.architecture not in SUPPORTED_ARCHITECTURES:
        known = ", ".join(SUPPORTED_ARCHITECTURES)
        raise BadModelFile(
            f"the model's architecture is {shape.architecture!r}, but this engine runs only: {known}; "
            "choose another model (`chatterm models list`)"
        )
    if shape.key_length != shape.value_length:
        raise BadModelFile(
            f"the model's keys have {shape.key_length} numbers a head and its values {shape.value_length}, "
            "but a llama decoder needs them equal; choose another model (`chatterm models list`)"
        )
    scaling = shape.rope_scaling
    if scaling is not None and scaling.kind != "linear":
        raise BadModelFile(
            f"the model stretches its context by {scaling.kind!r}, but this engine knows only 'linear' and "
            "Llama 3's factors; choose another model (`chatterm models list`)"
        )
