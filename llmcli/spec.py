"""What the user asked for, as plain values. Standard library only."""

from dataclasses import dataclass
from typing import Literal, get_args

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16", "int8"]
DTYPES: tuple[Dtype, ...] = ("auto", "float32", "bfloat16", "float16")  # int8 only to compute with

EngineName = Literal["torch", "ct2"]
EngineChoice = Literal["auto", "torch", "ct2"]
ENGINES: tuple[EngineChoice, ...] = ("auto", "torch", "ct2")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which checkpoint to load, and where to put it."""

    model_id: str
    """A starter name, a local folder, a GGUF file or a hub id."""
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
class DecodingSpec:
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
class ClassifySpec:
    """Which labels a text may have, and how many of them are told."""

    labels: tuple[str, ...] = ()
    """Zero-shot: these; empty: those that the model was trained for."""
    hypothesis_template: str = "This example is {}."
    """With `labels`: the sentence that is to follow from the text."""
    multi_label: bool = False
    """Each label has a probability of its own, whatever the others have."""
    top: int | None = None
    """How many labels to report; None: all."""


PoolingMode = Literal["mean", "cls", "last", "max"]
POOLING_MODES: tuple[PoolingMode, ...] = ("mean", "cls", "last", "max")


@dataclass(frozen=True, slots=True)
class EmbedSpec:
    """How a text becomes a vector. The defaults are what the checkpoint says."""

    pooling: PoolingMode | None = None
    """None: what the checkpoint says, else the mean."""
    normalize: bool | None = None
    """Make the length of each vector 1; None: what the checkpoint says, else not."""
    prompt: str | None = None
    """What goes before each text; None: what the checkpoint says."""


@dataclass(frozen=True, slots=True)
class TranslateSpec:
    """From which language to which, and how. What is None is the checkpoint's own choice."""

    from_lang: str | None = None
    """A language tag, such as `en`."""
    to_lang: str | None = None
    num_beams: int | None = None
    """1 is greedy."""
    num_return_sequences: int = 1
    max_new_tokens: int | None = None
    """For one sentence."""
    length_penalty: float | None = None
    """Above 0, longer translations are preferred; 1 is the mean log-probability."""
    repetition_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    split_sentences: bool = True
    """Translate sentence by sentence; else line by line."""


@dataclass(frozen=True, slots=True)
class FillSpec:
    """Which words may fill a gap, and how many of them are told."""

    top: int = 5
    targets: tuple[str, ...] = ()
    """Only these; empty: all that the model knows."""


@dataclass(frozen=True, slots=True)
class AnswerSpec:
    """What is an answer, and how many of them are told."""

    top: int = 1
    max_answer_tokens: int = 30
    """Tokens of a span of the context; of a generated answer, too."""
    no_answer: bool = False
    """The context may hold no answer (SQuAD 2)."""
    no_answer_threshold: float = 0.0
    """There is none if its score is more than this above the best span's."""


Schedule = Literal["cosine", "linear", "constant"]
SCHEDULES: tuple[Schedule, ...] = ("cosine", "linear", "constant")

Task = Literal[
    "causal-lm",
    "masked-lm",
    "classification",
    "token-classification",
    "question-answering",
    "translation",
    "seq2seq",
]
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True)
class LoraSpec:
    """Low-rank adapters in place of changing all weights (Hu et al. 2021)."""

    lora: bool = False
    lora_rank: int = 16
    lora_alpha: float | None = None
    """Their scale is alpha / rank; None: twice the rank."""
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] = ()
    """Endings of the names of the layers that get one; empty: all linear layers of the body."""
    merge: bool = False
    """Save an ordinary model with the adapters added in; else the adapters alone."""


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """One training run. What is None takes a value that is usual for the task."""

    train: tuple[str, ...]
    """Data files. A .txt file is one document; elsewhere a row is one."""
    output: str
    """Folder of the finished model; its checkpoints lie in `checkpoints/` below it."""
    task: Task = "causal-lm"
    from_scratch: str | None = None
    """A model configuration (JSON) to begin with; None: start from a checkpoint."""
    parts: str | None = None
    """Of a joint run: a YAML file that lists its tasks; `task` is not looked at."""
    eval: tuple[str, ...] = ()
    """Validation files; empty: `eval_fraction` of the training rows is held out."""
    eval_fraction: float | None = None
    columns: tuple[str, ...] = ()
    """Fields with the texts."""
    label_column: str | None = None
    """Field with the label, or a list of labels."""
    multi_label: bool = False
    """A text may have several labels, or none."""
    chat: bool = False
    """Rows are conversations; the loss is on what the assistant says alone."""
    from_lang: str | None = None
    to_lang: str | None = None
    prefix: str = ""
    """Goes before each source text of seq2seq."""
    block_size: int | None = None
    """Tokens of a packed block, or of the longest example."""
    mask_fraction: float = 0.15
    """Of the tokens, to be guessed by masked-lm."""
    batch_size: int | None = None
    """Examples in one optimizer step of one device, before gradient accumulation."""
    gradient_accumulation_steps: int = 1
    epochs: float | None = None
    max_steps: int | None = None
    """Overrides `epochs`."""
    learning_rate: float | None = None
    """Highest step size."""
    adapters: LoraSpec = LoraSpec()
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    """Fraction of the steps over which the learning rate rises from 0."""
    weight_decay: float = 0.1
    beta2: float = 0.95
    max_grad_norm: float = 1.0
    label_smoothing: float = 0.0
    class_weights: tuple[str, ...] = ()
    """`balanced`, or LABEL=WEIGHT for each."""
    freeze: tuple[str, ...] = ()
    """`body`, `embeddings`, a number of lower layers, or parts of names of weights."""
    init_from: str | None = None
    """A checkpoint whose weights take the place of those that would be random."""
    group_by_length: bool = True
    fsdp: bool = False
    """Of several processes: each holds a part of the weights only (FSDP2)."""
    eval_steps: int | None = None
    """None: about ten times in a run."""
    early_stopping: int | None = None
    """Stop after so many validations without a better result."""
    best_metric: str | None = None
    """What decides which checkpoint is the best; None: what is usual for the task."""
    save_steps: int = 200
    save_total_limit: int = 2
    log_steps: int = 10
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Dtype = "auto"
    """Arithmetic of the forward and backward pass; weights are trained in float32."""
    save_dtype: Dtype = "float32"
    seed: int = 42
    resume: bool = False


@dataclass(frozen=True, slots=True)
class ChatSpec:
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
class BatchSpec:
    """How rows are run together."""

    batch_size: int | None = None
    """Texts in one pass of the model; None: as many as fill a budget of tokens."""
    on_overflow: Overflow = "error"
    """What is done with a text that is longer than the model takes."""
    after: int = 0
    """Rows up to this number were done before: they give no results."""
    seed: int | None = None
    """Of what is drawn at random; a run that is taken up again keeps it."""


AUTO_BATCH = BatchSpec()


EvaluationTask = Literal[
    "causal-lm",
    "classification",
    "token-classification",
    "question-answering",
    "translation",
    "embedding",
]
EVALUATION_TASKS: tuple[EvaluationTask, ...] = (
    "causal-lm",
    "classification",
    "token-classification",
    "question-answering",
    "translation",
    "embedding",
)


@dataclass(frozen=True, slots=True)
class EvaluateSpec:
    """What is measured, and what is told of it."""

    task: EvaluationTask
    label_column: str | None = None
    """The field with what is right; None: the task's usual name for it."""
    prediction_column: str | None = None
    """The field of saved predictions with what was said; None: what the task's command writes."""
    label_map: tuple[tuple[str, str], ...] = ()
    """What labels of the file are called by the model."""
    by: tuple[str, ...] = ()
    """Columns, or `length`, by which rows are measured apart."""
    mistakes: int = 5
    bootstrap: int = 1000
    """Samples that the intervals are made from; 0: no intervals."""
    seed: int = 0
    bleu_tokenize: str | None = None
    """How sacrebleu finds words; None: zh for Chinese, else 13a."""
    characters: bool = False
    """The F1 of answers is that of characters, not of words."""


@dataclass(frozen=True, slots=True)
class PerplexitySpec:
    """How a text is scored that is longer than the model's context."""

    block_size: int | None = None
    """Tokens that are read at once; None: the model's context, 1,024 at most."""
    stride: int | None = None
    """Tokens that are scored at once, the others being their context; None: half a block."""
    bos: bool | None = None
    """Predict the first token, too, after the model's beginning of a text; None: if it has one."""


@dataclass(frozen=True, slots=True)
class BenchSpec:
    """How a model is timed."""

    prompt_tokens: int = 128
    """Tokens of each prompt, or of each text of an encoder."""
    new_tokens: int = 64
    batch_size: int = 16
    repeats: int = 3
    """The median of so many times is told."""


Format = Literal["text", "json", "jsonl", "csv", "table", "parquet", "npy"]
FORMATS: tuple[Format, ...] = ("text", "json", "jsonl", "csv", "table", "parquet")


InputFormat = Literal["txt", "jsonl", "csv", "tsv", "parquet"]
INPUT_FORMATS: tuple[InputFormat, ...] = ("txt", "jsonl", "csv", "tsv", "parquet")


@dataclass(frozen=True, slots=True)
class InputSpec:
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
class OutputSpec:
    """Where results go, and what else is said."""

    format: Format | None = None
    """None: by the name of `output`, else text."""
    output: str | None = None
    quiet: bool = False
    verbose: bool = False
    resume: bool = False
    """Go on with what a broken-off run wrote."""
