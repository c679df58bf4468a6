"""Conversations: their messages, what of them a model reads, who answers, where they are kept."""
