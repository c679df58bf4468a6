"""Generating tokens: the decoding loop, sampling, beam search, KV cache, speculative decoding."""
