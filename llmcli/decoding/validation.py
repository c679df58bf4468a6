"""Checks of decoding settings, before any model is loaded."""

from llmcli.errors import UsageError
from llmcli.spec import Decoding

DEFAULT_NEW_TOKENS = 256
SAMPLING = "`temperature`, `top_k`, `top_p`, `min_p`"


def check_decoding(options: Decoding) -> None:
    """Raise UsageError for settings that contradict one another."""
    if options.num_beams > 1 and options.samples:
        raise UsageError(f"`num_beams` does not sample: leave out {SAMPLING}")
    if options.num_beams > 1 and options.logprobs:
        raise UsageError("`logprobs` needs greedy decoding or sampling: leave out `num_beams`")
    if options.num_beams > 1 and options.stop:
        raise UsageError("`stop` needs greedy decoding or sampling: leave out `num_beams`")
    if "" in options.stop:
        raise UsageError("`stop` must not be an empty text")
    if options.assist is not None:
        _check_assist(options)
    several = options.num_return_sequences
    if options.num_beams > 1 and several > options.num_beams:
        raise UsageError(
            f"`num_return_sequences` {several} is more than `num_beams` {options.num_beams}"
        )
    if options.num_beams == 1 and several > 1 and not options.samples:
        raise UsageError(
            f"greedy decoding has one result: for `num_return_sequences` {several} add "
            f"`temperature`=0.8, or `num_beams`={several}"
        )


def _check_assist(options: Decoding) -> None:
    if not options.assist:
        raise UsageError("`assist` takes lookup, or the name of a smaller model")
    if options.samples or options.num_beams > 1 or options.num_return_sequences > 1:
        raise UsageError(
            f"`assist` needs greedy decoding: leave out {SAMPLING}, `num_beams` and "
            "`num_return_sequences`"
        )
