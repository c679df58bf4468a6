"""Records that are not made from the fields of a dataclass: what docs/results.md says of them."""

Rows = tuple[tuple[str, str, str], ...]

TASK = ("task", "text", "What the model does, as `--task` names it.")
UNIT = ("unit", "text", "What they are: rows, lines or queries.")
INPUT = ("input", "text", "The file with the expected values.")
SAMPLES = (
    ("bootstrap", "integer", "Samples that the intervals are made from."),
    ("seed", "integer", "The seed of these samples."),
)
LOW_AND_HIGH = "`low` and `high` of its 95% confidence interval, null without one"

EVALUATE: Rows = (
    TASK,
    ("source", "text", "The model, or the file with its predictions."),
    INPUT,
    ("rows", "integer", "How many were evaluated: rows, lines of a document, or queries."),
    UNIT,
    ("failed", "integer", "Rows that could not be evaluated."),
    ("metrics", "object", f"Each metric by its name: `value`, {LOW_AND_HIGH}."),
    *SAMPLES,
    ("settings", "object", "How a perplexity or a retrieval was measured; else absent."),
    ("baseline", "object", "As `metrics`, of n-grams; only with `--baseline`."),
    ("signatures", "object", "sacrebleu's description of each score; only of translations."),
    (
        "classes",
        "list of objects",
        "Of labels and types of entities: `label`, `precision`, `recall`, `f1`, `support`; else "
        "absent.",
    ),
    ("labels", "list of text", "The labels of `confusion`; else absent."),
    (
        "confusion",
        "list of lists of integer",
        "A row for each expected label, a column for each predicted one; else absent.",
    ),
    (
        "slices",
        "list of objects",
        "For each value of a `--by`: `by`, `value`, `rows`, and `metrics` with their values.",
    ),
    (
        "mistakes",
        "list of objects",
        "`row`, `text`, `expected`, `said`, `confidence` (null if unknown), `quality`.",
    ),
)
COMPARE: Rows = (
    TASK,
    ("a", "text", "The first model, or the file with its predictions."),
    ("b", "text", "The second one."),
    INPUT,
    ("rows", "integer", "Rows, lines or queries that both have a prediction for."),
    UNIT,
    (
        "metrics",
        "object",
        f"Each metric by its name: `a`, `b`, `difference` (b minus a), {LOW_AND_HIGH}.",
    ),
    *SAMPLES,
    (
        "mcnemar",
        "object or null",
        "McNemar's exact test: `only_a`, `only_b`, rows on which only one is right; `p`. null if "
        "rows are neither right nor wrong.",
    ),
    ("became_right", "integer", "Rows on which only b is right."),
    ("became_wrong", "integer", "Rows on which only a is right."),
    ("better", "integer", "Rows on which b is better, in the task's measure of a row."),
    ("worse", "integer", "Rows on which b is worse."),
    (
        "changed",
        "list of objects",
        "`row`, `text`, `expected`, `a`, `b`, `change` (right, wrong, better, worse, other), "
        "`gain`.",
    ),
)
DRY_RUN: Rows = (
    ("model", "text", "The model that the run starts from."),
    ("device", "text", "Where it is trained."),
    ("dtype", "text", "Of the arithmetic."),
    ("parameters", "integer", "Number of weights."),
    ("learnt", "integer", "Number of weights that change."),
    ("examples", "integer", "Training examples."),
    ("tokens", "integer", "Tokens of all training examples, without padding."),
    ("validation_examples", "integer", "Examples that are held out or given for validation."),
    ("batch_size", "integer", "Examples in a batch; of a joint run, of all tasks together."),
    ("gradient_accumulation_steps", "integer", "Batches in one optimizer step."),
    ("epochs", "number", "How often each example is seen."),
    ("steps_per_epoch", "integer", "Optimizer steps in an epoch."),
    ("steps", "integer", "Optimizer steps of the whole run."),
    ("tokens_per_step", "number", "Mean number of tokens in a step, without padding."),
    ("padding", "number", "Fraction of the positions in a batch that are padding."),
    ("steps_taken", "integer", "Steps that were taken for this estimate."),
    ("tokens_per_second", "number", "In these steps."),
    ("seconds", "number", "Of all steps at that speed, without validation and checkpoints."),
    ("memory", "integer or null", "The most bytes that were used; null if unknown."),
    ("checkpoint_bytes", "integer", "Size of a checkpoint."),
    ("checkpoints", "integer", "Checkpoints that are kept at the same time."),
    ("model_bytes", "integer", "Size of the finished model."),
    ("disk_bytes", "integer", "The most that the run needs on the disk."),
)
CHECK: Rows = (
    ("ok", "true or false", "No problem was found; warnings do not count."),
    (
        "checks",
        "list of objects",
        "For each task of the run: `task`, `model`, `ok`, `files`, `problems`, `findings`, "
        "`labels`, `lengths`, `numbers`, `samples`.",
    ),
)
BENCH: Rows = (
    ("model", "text", "The model that was timed."),
    ("kind", "text", "causal, seq2seq or encoder."),
    ("prompt_tokens", "integer", "Tokens of each prompt, or of each text of an encoder."),
    ("new_tokens", "integer", "Tokens that were generated after each prompt."),
    ("batch_size", "integer", "Texts that were run together."),
    ("repeats", "integer", "Timings; their median is reported."),
    ("machine", "object", "`description`, `bandwidth` in GB/s, `rates` in GFLOP/s."),
    (
        "rows",
        "list of objects",
        "For each engine and dtype: `engine`, `dtype`, `speeds` (null if it cannot run the model), "
        "`error`, `decode_limit`, `prefill_limit` in tokens/s.",
    ),
)
PATH: Rows = (
    ("name", "text", "The model, as it was named."),
    ("path", "text", "The folder or GGUF file that holds it."),
)
REMOVED: Rows = (
    ("name", "text", "The model, as it was named."),
    ("bytes", "integer", "Disk space that was freed."),
)
LEARN: Rows = (
    ("text", "text", "The sentence, as it was given."),
    (
        "read_text",
        "text",
        "What the steps after the first look into: the sentence, or its translation where the "
        "model cannot read it.",
    ),
    ("model", "text", "The language model."),
    (
        "steps",
        "list of objects",
        "Each step: `name`, `title`, `question`, `answer`, `commands`, all its `numbers`, and "
        "`checks` of these against the model.",
    ),
)

TABLES: dict[str, tuple[str, str, Rows]] = {
    "llmcli evaluate": ("Report", "How good the predictions of a model are.", EVALUATE),
    "llmcli compare": ("Comparison", "Two models on the same rows.", COMPARE),
    "llmcli finetune --dry-run": ("Estimate", "What a run takes.", DRY_RUN),
    "llmcli finetune --check": ("DataCheck", "What was found in the data of a run.", CHECK),
    "llmcli learn": ("Tour", "A guided tour on one sentence.", LEARN),
    "llmcli bench": ("BenchReport", "How fast a model runs on a machine.", BENCH),
    "llmcli models path, pull and convert": ("", "", PATH),
    "llmcli models rm": ("", "", REMOVED),
}
"""For each command the class in Python, what it is, and its fields."""
