"""From logits to replies: batches, the cache of keys and values, sampling."""
