"""The guided tour of `llmcli learn`: how a language model works, on one sentence."""
