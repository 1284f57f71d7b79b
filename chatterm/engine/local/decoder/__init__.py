"""From token ids to logits: the decoder, its parts, and how it is loaded."""
