"""What the user asked of a training run."""

from dataclasses import dataclass
from typing import Literal

from llmcli.spec import Dtype

Schedule = Literal["cosine", "linear", "constant"]
SCHEDULES: tuple[Schedule, ...] = ("cosine", "linear", "constant")


@dataclass(frozen=True, slots=True)
class LoraOptions:
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
class Training:
    """One training run. What is None takes a value that is usual for the task."""

    train: tuple[str, ...]
    """Data files. A .txt file is one document; elsewhere a row is one."""
    output: str
    """Folder of the finished model; its checkpoints lie in `checkpoints/` below it."""
    task: str = "causal-lm"
    """A file of training/objectives; `llmcli finetune --help` lists them."""
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
    adapters: LoraOptions = LoraOptions()
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
