"""The seed of a sample: the user's, or one that is drawn and reported."""

from dataclasses import replace

from llmcli.spec import Decoding


def with_seed(options: Decoding, seed: int | None = None) -> Decoding:
    """The settings with a seed, if they sample: their own, else `seed`, else one that is drawn."""
    if not options.samples or options.seed is not None:
        return options
    if seed is None:
        import secrets  # takes some milliseconds

        seed = secrets.randbits(31)
    return replace(options, seed=seed)
