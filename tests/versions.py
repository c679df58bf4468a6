"""What older releases of transformers do otherwise, for tests that compare llmcli with them."""

from importlib.metadata import version

from packaging.version import Version

TRANSFORMERS = Version(version("transformers"))
CHAT_SANDBOX_IS_LAX = TRANSFORMERS < Version("5.22")
"""Chat templates may do more than in later releases, and than llmcli allows."""
LLAMA_IS_METASPACE = TRANSFORMERS < Version("5.22")
"""A LlamaTokenizer is read as SentencePiece, even if its file is a byte-level BPE."""
GPTJ_READS_Q_PROJ = TRANSFORMERS < Version("5.24")
"""The code of GPT-J reads the weight of its layer q_proj, so that it cannot be packed."""
