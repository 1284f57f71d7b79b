"""chatterm: a terminal chat assistant that runs the model itself."""

__version__ = "0.1.0"
