"""What the user asked for, as plain values. Standard library only.

This module holds the settings of most commands. The others stand in modules of their own, because
each of these classes adds half a millisecond to the start of a command.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16", "int8"]
DTYPES: tuple[Dtype, ...] = ("auto", "float32", "bfloat16", "float16")  # int8 is for computing only
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
    """torch runs every model; ct2 (CTranslate2) is fast on a CPU; auto takes the fastest."""
    offline: bool = False
    """Open no network connection."""
    trust_remote_code: bool = False
    """Run Python code that comes with the checkpoint."""
    allow_special: bool = False
    """Read special tokens that are typed in a text, such as `</s>`, as tokens, not as text."""


SWITCHED_OFF: dict[str, tuple[tuple[int, ...], float | None]] = {
    "top_k": ((0, -1), None),
    "top_p": ((-1,), None),
    "min_p": ((0, -1), None),
    "num_beams": ((0, -1), 1),
    "repetition_penalty": ((0, -1), 1.0),
    "no_repeat_ngram_size": ((-1,), 0),
    "seed": ((-1,), None),
}
"""For settings of `Decoding`, the values by which other programs switch them off, and the default
that these stand for."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the next tokens are chosen. The defaults are greedy decoding.

    0 and -1 switch off `top_k`, `min_p`, `repetition_penalty`, `no_repeat_ngram_size` and
    `num_beams`; so does -1 for `top_p` and `seed`. What is None is as the model's generation config
    says, if it does; it never turns sampling on.
    """

    max_new_tokens: int | None = None
    """None: the model's own number, else 256, or fewer if its context ends before. -1: as many as
    fit."""
    strict: bool = False
    """Refuse a prompt after which fewer than `max_new_tokens` fit; else they are fewer."""
    temperature: float | None = None
    """None: 1 if another sampling field is set, else greedy. 0 is greedy."""
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    num_beams: int | None = None
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    stop: tuple[str, ...] = ()
    """The text ends before the first of these."""
    num_return_sequences: int = 1
    seed: int | None = None
    """None: one is drawn, and reported."""
    logprobs: int = 0
    """How many of the most likely tokens to report for each step."""
    trace: int = 0
    """How many candidates to report for each step, with what each setting did to them; 0 is off."""
    assist: str | None = None
    """Speculative decoding: tokens are guessed by `lookup` in the text, or by a smaller model; by
    `none`. None: by lookup where torch continues one text greedily in float32 on a CPU."""

    def __post_init__(self) -> None:
        """Replace the values that switch a setting off."""
        for name, (values, off) in SWITCHED_OFF.items():
            if getattr(self, name) in values:
                object.__setattr__(self, name, off)

    @property
    def drafter(self) -> str | None:
        """`lookup`, or the model that guesses tokens, if one of them is asked for."""
        return None if self.assist == "none" else self.assist

    @property
    def beams(self) -> int:
        """The number of beams; 1 where none is set."""
        return self.num_beams or 1

    @property
    def penalty(self) -> float:
        """The repetition penalty; 1 where none is set."""
        return self.repetition_penalty or 1.0

    @property
    def samples(self) -> bool:
        """True if a sampling field is set and the temperature is not 0."""
        if self.temperature is not None:
            return self.temperature > 0
        return any(field is not None for field in (self.top_k, self.top_p, self.min_p))


@dataclass(frozen=True, slots=True)
class Chat:
    """Whether a prompt goes through the model's chat template."""

    chat: bool = False
    system: str | None = None
    """A system message; it implies the template."""
    chat_template: str | None = None
    """The name of one of the model's templates, or a file with one; it implies the template."""

    @property
    def is_on(self) -> bool:
        """True if the template is used."""
        return self.chat or self.system is not None or self.chat_template is not None


Overflow = Literal["error", "truncate", "window", "split"]
OVERFLOWS: tuple[Overflow, ...] = ("error", "truncate", "window", "split")


class BatchStore(Protocol):
    """Keeps the outputs of the finished batches of a window until its results are written."""

    def begin(self, window: int) -> None:
        """Begin a window, which is known by its first row."""

    def take(self, start: int) -> Any:
        """The batch that an earlier run has kept, by the place of its first unit; None without."""

    def add(
        self,
        start: int,
        units: Sequence[int],
        limits: tuple[int | None, int],
        outputs: Sequence[Any],
    ) -> None:
        """Keep a finished batch. limits: of later batches, as `StoredBatch` has them."""


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How rows are run together."""

    batch_size: int | None = None
    """Texts in one pass of the model; None: as many as fill a budget of tokens."""
    on_overflow: Overflow = "error"
    """What to do with a text that is too long for the model."""
    after: int = 0
    """Rows up to this number were done before, and give no results."""
    seed: int | None = None
    """Seed for sampling; a resumed run keeps it."""
    on_progress: Callable[[float, int, float | None], None] | None = None
    """Called after each pass of the model, since results come a window of rows at a time: how many
    rows of this window are done, how many it has, and how much of the file was read with it."""
    store: BatchStore | None = None
    """Keeps the outputs of finished batches for a run that resumes this one."""
    scale: int = 1
    """How many times as many tokens as usual are read in a pass, and rows are sorted together; the
    model's device decides."""


AUTO_BATCH = BatchOptions()
WINDOWS = BatchOptions(on_overflow="window")
SENTENCES = BatchOptions(on_overflow="split")
Format = Literal["text", "json", "jsonl", "csv", "table", "parquet", "npy"]
FORMATS: tuple[Format, ...] = ("text", "json", "jsonl", "csv", "table", "parquet")
InputFormat = Literal["txt", "jsonl", "json", "csv", "tsv", "parquet"]
INPUT_FORMATS: tuple[InputFormat, ...] = ("txt", "jsonl", "json", "csv", "tsv", "parquet")
Quoting = Literal["csv", "none"]
QUOTINGS: tuple[Quoting, ...] = ("csv", "none")


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How data files are written, where their names and contents do not say."""

    input_format: InputFormat | None = None
    """None: by the file's name; of stdin, a text a line."""
    encoding: str | None = None
    """Of text files, as Python names it; None: UTF-8, or what a byte order mark says."""
    delimiter: str | None = None
    """The character between the fields of .csv and .tsv; None: by the header."""
    quoting: Quoting | None = None
    """`csv`: a field may stand in quotation marks; `none`: they are part of the text. None: by the
    format, since only .csv has quoting."""


def files_of(options: FileOptions) -> FileOptions:
    """The settings of files alone, of options that have more."""
    return FileOptions(options.input_format, options.encoding, options.delimiter, options.quoting)


@dataclass(frozen=True, slots=True)
class InputOptions(FileOptions):
    """Where the texts come from."""

    texts: tuple[str, ...] = ()
    input: str | None = None
    """A data file; `-` is stdin, a text a line. None: `texts`, or all of stdin as one text."""
    columns: tuple[str, ...] = ("text",)
    """The field with the text, or two fields if a task takes pairs."""
    limit: int | None = None
    """Read only the first rows, this many."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Where the results go, in which format, and what is reported."""

    format: Format | None = None
    """None: by the name of `output`, else text."""
    output: str | None = None
    quiet: bool = False
    verbose: bool = False
    resume: bool = False
    """Continue an interrupted run."""
    restart: bool | None = None
    """Drop the rows that an interrupted run has left; None: the command has no such setting."""
    fields: tuple[str, ...] = ()
    """The fields that are written, in this order; empty: all."""
    max_errors: int | float | None = None
    """Stop when more rows have failed: a number, or as a float a share of the rows so far."""
    can_resume: bool = False
    """The run is one that `resume` could continue."""
