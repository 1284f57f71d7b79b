"""The engine that runs the model itself: the only package that may import torch, imported when opened."""
