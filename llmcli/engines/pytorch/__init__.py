"""The torch engine: the only room that calls from_pretrained."""
