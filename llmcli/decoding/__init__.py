"""The choice of tokens: decoding loop, sampling, beam search, KV cache, speculative decoding."""
