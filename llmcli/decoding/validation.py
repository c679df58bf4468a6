"""What can be told of a decoding plan before any model is loaded."""

from llmcli.errors import UsageError
from llmcli.spec import Decoding

DEFAULT_NEW_TOKENS = 256


def check_decoding(options: Decoding) -> None:
    """Raise UsageError for settings that contradict one another."""
    if options.num_beams > 1 and options.samples:
        raise UsageError("--num-beams searches and does not sample: leave out the sampling flags")
    if options.num_beams > 1 and options.logprobs:
        raise UsageError("--logprobs goes with greedy decoding and sampling, not with --num-beams")
    if options.num_beams > 1 and options.stop:
        raise UsageError("--stop goes with greedy decoding and sampling, not with --num-beams")
    if "" in options.stop:
        raise UsageError("--stop takes a text that is not empty")
    if options.assist is not None:
        _check_assist(options)
    several = options.num_return_sequences
    if options.num_beams > 1 and several > options.num_beams:
        raise UsageError(
            f"--num-return-sequences {several} is more than --num-beams {options.num_beams}"
        )
    if options.num_beams == 1 and several > 1 and not options.samples:
        raise UsageError(
            f"greedy decoding has one result: for --num-return-sequences {several} add "
            "--temperature 0.8 or --num-beams"
        )


def _check_assist(options: Decoding) -> None:
    if not options.assist:
        raise UsageError("--assist takes lookup, or the name of a smaller model")
    if options.samples or options.num_beams > 1 or options.num_return_sequences > 1:
        raise UsageError(
            "--assist goes with greedy decoding alone: leave out the sampling flags, --num-beams "
            "and --num-return-sequences"
        )
