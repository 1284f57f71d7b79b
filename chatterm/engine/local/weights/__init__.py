"""What the bytes of a model file mean, and in which forms they are kept."""
