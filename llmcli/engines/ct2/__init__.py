"""CTranslate2: the engine that is fast on a CPU and needs neither torch nor transformers."""
