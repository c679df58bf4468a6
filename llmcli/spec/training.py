"""Settings of a training run."""

from dataclasses import dataclass
from typing import Literal

from llmcli.spec import Dtype, FileOptions

Schedule = Literal["cosine", "linear", "constant"]
STEP_CONTEST = "training on the processor"
"""What is measured to choose the dtype of a step (llmcli/system/calibration.py)."""
SCHEDULES: tuple[Schedule, ...] = ("cosine", "linear", "constant")


@dataclass(frozen=True, slots=True)
class LoraOptions:
    """LoRA: train low-rank adapters instead of all weights (Hu et al. 2021)."""

    lora: bool = False
    lora_rank: int = 16
    lora_alpha: float | None = None
    """The adapters are scaled by alpha / rank; None: twice the rank."""
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] = ()
    """Name endings of the layers to adapt; empty: all linear layers of the body."""
    merge: bool = False
    """Merge the adapters into the saved model; False: save the adapters alone."""


@dataclass(frozen=True, slots=True)
class Training:
    """Settings of one training run. A value of None selects the default of the task."""

    train: tuple[str, ...]
    """Data files. A .txt file is one document; in other formats each row is one."""
    output: str
    """Folder for the trained model; checkpoints are saved in its subfolder `checkpoints/`."""
    task: str = ""
    """Name of a training task; `llmcli finetune --help` lists them. Empty: the only one that the
    data and the model are for."""
    from_scratch: str | None = None
    """A model configuration (JSON), or gpt2, llama, bert or marian, to initialize a new model from;
    None: load a checkpoint."""
    parts: str | None = None
    """A YAML file that lists the tasks of a joint run, in place of `task`."""
    eval: tuple[str, ...] = ()
    """Validation files; empty: `eval_fraction` of the training rows is held out."""
    eval_fraction: float | None = None
    columns: tuple[str, ...] = ()
    """Names of the fields that contain the texts."""
    files: FileOptions = FileOptions()
    """How the data files are written."""
    label_column: str | None = None
    """Name of the field that contains the label, or a list of labels."""
    multi_label: bool = False
    """Multi-label classification: a text may have several labels, or none."""
    allow_special: bool = False
    """Read special tokens in the texts, such as `<|endoftext|>`, as tokens, not as text."""
    labels: tuple[str, ...] = ()
    """Classification: names of the classes in the order of the model's outputs; numbers, and
    lists of 0 and 1, are their places. Empty: the labels that occur."""
    chat: bool = False
    """Rows are conversations; the loss covers the assistant's messages only."""
    chat_template: str | None = None
    """With `chat`: the name of one of the model's templates, or a file; None: the default one."""
    from_lang: str | None = None
    to_lang: str | None = None
    prefix: str = ""
    """Text added before each source text of seq2seq."""
    block_size: int | None = None
    """Tokens in a packed block, or in the longest example."""
    mask_fraction: float = 0.15
    """Fraction of the tokens that masked-lm selects for prediction."""
    batch_size: int | None = None
    """Examples per device in each step, before gradient accumulation."""
    gradient_accumulation_steps: int = 1
    epochs: float | None = None
    max_steps: int | None = None
    """Overrides `epochs`; 0 and -1 do not, as None."""
    learning_rate: float | None = None
    """Peak learning rate, reached at the end of the warm-up."""
    adapters: LoraOptions = LoraOptions()
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    """Fraction of the steps in which the learning rate rises linearly from 0."""
    weight_decay: float = 0.1
    beta2: float = 0.95
    max_grad_norm: float = 1.0
    label_smoothing: float = 0.0
    class_weights: tuple[str, ...] = ()
    """`balanced`, or LABEL=WEIGHT for each label."""
    freeze: tuple[str, ...] = ()
    """`body`, `embeddings`, a number of lower layers, or parts of weight names."""
    init_from: str | None = None
    """A checkpoint to copy weights from that would otherwise be initialized at random."""
    group_by_length: bool = True
    fsdp: bool = False
    """Shard the weights across processes (FSDP2)."""
    eval_steps: int | None = None
    """Steps between validations; None: about ten validations per run."""
    early_stopping: int | None = None
    """Stop after this many validations in a row without improvement; 0 and -1: never, as None."""
    best_metric: str | None = None
    """Validation metric that selects the best checkpoint; None: the default of the task."""
    save_steps: int = 200
    save_total_limit: int = 2
    log_steps: int = 10
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    dtype: Dtype = "auto"
    """Data type of the forward and backward pass; the trained weights are float32."""
    save_dtype: Dtype = "float32"
    seed: int = 42
    resume: bool = False

    def __post_init__(self) -> None:
        """Take 0 and -1, by which other programs switch a number of steps off, as None."""
        for name in ("max_steps", "early_stopping"):
            if getattr(self, name) in (0, -1):
                object.__setattr__(self, name, None)
