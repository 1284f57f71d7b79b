"""Model files: reading, naming, fetching and checking them. Nothing here imports torch or runs a model."""
