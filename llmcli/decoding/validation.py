"""What can be told of a decoding plan before any model is loaded."""

from llmcli.errors import UsageError
from llmcli.spec import DecodingSpec

DEFAULT_NEW_TOKENS = 256


def torch_alone(spec: DecodingSpec) -> str | None:
    """What of a plan the ct2 engine does not do, in a few words; None: nothing."""
    asked = {
        "it does not check guesses": spec.assist is not None,
        "it draws no tokens by a seed of each row": spec.samples,
        "its beam search is not that of transformers": spec.num_beams > 1,
        "it does not tell the likeliest tokens": spec.logprobs > 0,
        "it knows another repetition penalty": spec.repetition_penalty != 1.0,
        "it forbids no repeated n-grams of the prompt": spec.no_repeat_ngram_size > 0,
    }
    return next((words for words, is_asked in asked.items() if is_asked), None)


def check_decoding(spec: DecodingSpec) -> None:
    """Raise UsageError for settings that contradict one another."""
    if spec.num_beams > 1 and spec.samples:
        raise UsageError("--num-beams searches and does not sample: leave out the sampling flags")
    if spec.num_beams > 1 and spec.logprobs:
        raise UsageError("--logprobs goes with greedy decoding and sampling, not with --num-beams")
    if spec.num_beams > 1 and spec.stop:
        raise UsageError("--stop goes with greedy decoding and sampling, not with --num-beams")
    if "" in spec.stop:
        raise UsageError("--stop takes a text that is not empty")
    if spec.assist is not None:
        _check_assist(spec)
    several = spec.num_return_sequences
    if spec.num_beams > 1 and several > spec.num_beams:
        raise UsageError(
            f"--num-return-sequences {several} is more than --num-beams {spec.num_beams}"
        )
    if spec.num_beams == 1 and several > 1 and not spec.samples:
        raise UsageError(
            f"greedy decoding has one result: for --num-return-sequences {several} add "
            "--temperature 0.8 or --num-beams"
        )


def _check_assist(spec: DecodingSpec) -> None:
    if not spec.assist:
        raise UsageError("--assist takes lookup, or the name of a smaller model")
    if spec.samples or spec.num_beams > 1 or spec.num_return_sequences > 1:
        raise UsageError(
            "--assist goes with greedy decoding alone: leave out the sampling flags, --num-beams "
            "and --num-return-sequences"
        )
