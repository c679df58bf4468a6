"""What the user asked for, as plain values. Standard library only.

Here is what most commands have; each module of this package is imported by the commands that need
it, since each of these classes costs a start half a millisecond.
"""

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16", "int8"]
DTYPES: tuple[Dtype, ...] = ("auto", "float32", "bfloat16", "float16")  # int8 only to compute with
EngineName = Literal["torch", "ct2"]
EngineChoice = Literal["auto", "torch", "ct2"]
ENGINES: tuple[EngineChoice, ...] = ("auto", "torch", "ct2")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which checkpoint to load, and where to put it."""

    model_id: str = ""
    """A starter name, a local folder, a GGUF file or a hub id; empty: the task's default."""
    revision: str | None = None
    """Branch, tag or commit on the hub; None is the main branch."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    dtype: Dtype = "auto"
    engine: EngineChoice = "auto"
    """What runs the model: torch does everything, ct2 (CTranslate2) is fast on a CPU."""
    offline: bool = False
    """Open no socket."""
    trust_remote_code: bool = False
    """Run Python code that comes with the checkpoint."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the next tokens are chosen. The defaults are greedy decoding."""

    max_new_tokens: int | None = None
    """None: 256, or fewer where the model's context ends before."""
    temperature: float | None = None
    """None: 1 where another sampling field is set, else greedy. 0 is greedy."""
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    num_beams: int = 1
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    stop: tuple[str, ...] = ()
    """The text ends before the first of these."""
    num_return_sequences: int = 1
    seed: int | None = None
    """None: one is drawn, and reported."""
    logprobs: int = 0
    """How many candidates to report for each token."""
    assist: str | None = None
    """What guesses the tokens that greedy decoding then checks: `lookup`, or a smaller model."""

    @property
    def samples(self) -> bool:
        """True where a sampling field is set and the temperature is not 0."""
        if self.temperature is not None:
            return self.temperature > 0
        return any(field is not None for field in (self.top_k, self.top_p, self.min_p))


@dataclass(frozen=True, slots=True)
class Chat:
    """Whether a prompt goes through the model's chat template."""

    chat: bool = False
    system: str | None = None
    """A system message; it implies the template."""

    @property
    def is_on(self) -> bool:
        """True where the template is to be used."""
        return self.chat or self.system is not None


Overflow = Literal["error", "truncate", "window", "split"]
OVERFLOWS: tuple[Overflow, ...] = ("error", "truncate", "window", "split")


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How rows are run together."""

    batch_size: int | None = None
    """Texts in one pass of the model; None: as many as fill a budget of tokens."""
    on_overflow: Overflow = "error"
    """What is done with a text that is longer than the model takes."""
    after: int = 0
    """Rows up to this number were done before: they give no results."""
    seed: int | None = None
    """Of what is drawn at random; a run that is taken up again keeps it."""


AUTO_BATCH = BatchOptions()
WINDOWS = BatchOptions(on_overflow="window")
SENTENCES = BatchOptions(on_overflow="split")
Format = Literal["text", "json", "jsonl", "csv", "table", "parquet", "npy"]
FORMATS: tuple[Format, ...] = ("text", "json", "jsonl", "csv", "table", "parquet")
InputFormat = Literal["txt", "jsonl", "csv", "tsv", "parquet"]
INPUT_FORMATS: tuple[InputFormat, ...] = ("txt", "jsonl", "csv", "tsv", "parquet")


@dataclass(frozen=True, slots=True)
class InputOptions:
    """Where texts come from."""

    texts: tuple[str, ...] = ()
    input: str | None = None
    """A data file; `-` is stdin, a text a line. None: `texts`, or all of stdin as one text."""
    columns: tuple[str, ...] = ("text",)
    """The field with the text, or two fields where a task takes pairs."""
    limit: int | None = None
    """Read this many rows."""
    input_format: InputFormat | None = None
    """None: by the name of `input`; of stdin, a text a line."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Where results go, and what else is said."""

    format: Format | None = None
    """None: by the name of `output`, else text."""
    output: str | None = None
    quiet: bool = False
    verbose: bool = False
    resume: bool = False
    """Go on with what a broken-off run wrote."""
