"""Commands and flags of llm, ollama, llama.cpp, mlx-lm, transformers, trl, litgpt, spaCy and hf.

Each with what to type instead. A hint for a flag is shown by the commands that have all flags
which it names.
"""

from collections.abc import Callable

TEXT, MODEL = "TEXT", "MODEL"
PLACES = (TEXT, MODEL)
"""Words of a proposed command line that the user replaces."""


def _with_model(words: list[str], *more: str) -> list[str]:
    """`run MODEL [TEXT]` of ollama: the model is named by -m here."""
    flags = any(word in ("-m", "--model") for word in words)
    named = (
        [] if flags or words[:1] and words[0].startswith("-") else ["-m", *(words[:1] or [MODEL])]
    )
    rest = words if flags or not named else words[1:]
    has_text = any(not word.startswith("-") for word in (rest if not flags else rest[2:]))
    return ["generate", *more, *named, *rest, *([] if has_text else [TEXT])]


LINES: dict[str, Callable[[list[str]], list[str]]] = {
    "run": lambda words: _with_model(words),
    "search": lambda words: ["embed", "-i", "FILE", "--query", *(words or [TEXT])],
    "similar": lambda words: ["embed", "-i", "FILE", "--query", *(words or [TEXT])],
    "pos": lambda words: ["tag", "-m", MODEL, *(words or [TEXT])],
    "summarize": lambda words: [
        *("generate", "--chat", "-m", MODEL, "-s", "Summarize the text."),
        *(words or [TEXT]),
    ],
    "lora": lambda words: ["finetune", "--lora", *words],
    "finetune-lora": lambda words: ["finetune", "--lora", *words],
    "pretrain": lambda words: ["finetune", "--from-scratch", "gpt2", *words],
}
"""Commands whose whole line can be written out: from the words after the command."""
LINES["summarization"] = LINES["summarise"] = LINES["summarize"]
LINES["generate-text"] = LINES["run"]

NO_SERVER = (
    "there is no server; -i FILE runs many texts with the model loaded once, and llmcli.load "
    "keeps it loaded in Python"
)
NO_HISTORY = "llmcli keeps no history; -o FILE saves results"
COMMANDS = {
    "serve": NO_SERVER,
    "server": NO_SERVER,
    "api": NO_SERVER,
    "webui": NO_SERVER,
    "ps": "a model is in memory only while a command runs; llmcli models list shows those on disk",
    "stop": "a model is in memory only while a command runs",
    "env": "llmcli --version prints the version, llmcli bench measures the machine",
    "info": "llmcli models show MODEL describes a model, llmcli --version prints the version",
    "search-models": "search on huggingface.co/models; llmcli models pull NAME downloads one",
    "cache": "llmcli models list, llmcli models rm NAME, llmcli models verify NAME",
    "manage": "llmcli models list, llmcli models rm NAME",
    "validate": "llmcli models verify MODEL",
    "cp": "copy the folder that llmcli models path MODEL prints",
    "create": "llmcli finetune trains a model; a system message is given by -s",
    "push": "hf upload NAME FOLDER uploads the folder of a model",
    "upload": "hf upload NAME FOLDER uploads the folder of a model",
    "login": "hf auth login, or HF_TOKEN",
    "auth": "hf auth login, or HF_TOKEN",
    "keys": "models run on this machine and need no key; HF_TOKEN is for gated ones",
    "logs": NO_HISTORY,
    "collections": "llmcli embed -i FILE -o vectors.parquet keeps vectors in a file",
    "embed-multi": "llmcli embed -i FILE -o vectors.parquet",
    "embed-models": "llmcli models list",
    "plugins": "llmcli has no plugins; -m takes any model of the Hub",
    "templates": "llmcli has no templates; -s gives a system message, --config FILE options",
    "aliases": "name models in ~/.config/llmcli/config.yaml: see docs/settings.md",
    "install": "pip install adds packages; llmcli models pull NAME downloads a model",
    "convert": "llmcli models convert MODEL FOLDER makes safetensors of a pickle",
    "fuse": "llmcli finetune --lora --merge saves a whole model; -m DIR runs adapters as they are",
    "merge-lora": "llmcli finetune --lora --merge saves a whole model; -m DIR runs adapters as "
    "they are",
    "export": "llmcli finetune --lora --merge -o DIR saves a whole model",
    "quantize": "--dtype int8 computes in 8 bits; -m takes GGUF files, which are quantized",
    "quant": "--dtype int8 computes in 8 bits; -m takes GGUF files, which are quantized",
    "predict": "llmcli classify, tag, answer, fill, translate or generate, with -i FILE",
    "apply": "llmcli classify, tag, answer, fill, translate or generate, with -i FILE -o FILE",
    "pipeline": "llmcli classify, tag, answer, fill, translate, embed or generate",
    "init": "llmcli finetune needs no project: llmcli finetune --train FILE -o DIR",
    "project": "llmcli finetune needs no project: llmcli finetune --train FILE -o DIR",
    "debug": "llmcli finetune --train FILE --check examines data",
    "package": "the folder that llmcli finetune writes is a model for -m",
    "encode": "llmcli tokenize TEXT, with --ids for the ids alone; vectors: llmcli embed TEXT",
    "decode": "llmcli tokenize --decode IDS",
    "similarity": "llmcli embed TEXT TEXT ..., with --query TEXT to rank by similarity",
    "test": "llmcli evaluate -m MODEL -i FILE",
}

POSITIONAL = "a text stands there without a flag; -i FILE reads a file"
FINETUNE_DATA = ("name the files: --train FILE --eval FILE", "name the file: -i FILE (--input)")
CONTEXT = (
    "the context is as long as the model's; --on-overflow says what to do with longer texts",
    "the context is as long as the model's",
)
GPU = "--device cuda takes a GPU, --device cpu none; all layers go there"
LENGTH = "--max-new-tokens counts new tokens, without those of the prompt"
BITS = ("--dtype int8 computes in 8 bits; GGUF files are quantized already",)
ADAPTER = "-m DIR, the folder with the adapters: it names the model that they are for"
HALF = "--dtype bfloat16 or --dtype float16"
PENALTY = "--repetition-penalty makes tokens that occurred before less likely, in another measure"
FLAGS: dict[str, str | tuple[str, ...]] = {
    **dict.fromkeys(
        ("prompt", "text", "input-text", "sentence", "sentences", "query-text"), POSITIONAL
    ),
    **dict.fromkeys(("question", "questions", "inputs"), POSITIONAL),
    **dict.fromkeys(
        ("file", "prompt-file", "infile", "in-file"),
        "-i FILE reads a text a line; < FILE all of it as one text (--input)",
    ),
    "threads": "set the environment variable OMP_NUM_THREADS=N",
    "num-thread": "set the environment variable OMP_NUM_THREADS=N",
    "n-threads": "set the environment variable OMP_NUM_THREADS=N",
    "do-sample": ("--temperature 1 samples from the whole distribution",),
    **dict.fromkeys(("num-ctx", "ctx-size", "n-ctx", "context-size", "max-model-len"), CONTEXT),
    "max-length": LENGTH,
    "min-length": LENGTH,
    "min-new-tokens": LENGTH,
    **dict.fromkeys(("presence-penalty", "frequency-penalty"), PENALTY),
    "repeat-last-n": "--repetition-penalty counts all tokens",
    **dict.fromkeys(
        ("n-gpu-layers", "gpu-layers", "num-gpu", "gpu", "gpus", "cuda", "gpu-id"), GPU
    ),
    **dict.fromkeys(("cpu", "use-cpu", "no-cuda", "use-cuda", "device-map"), GPU),
    **dict.fromkeys(("load-in-8bit", "load-in-4bit", "quantize", "quantization", "bits"), BITS),
    **dict.fromkeys(("adapter", "adapters", "adapter-path", "adapter-name-or-path"), ADAPTER),
    **dict.fromkeys(("peft", "peft-model", "lora-path"), ADAPTER),
    "lora": ADAPTER,
    "lora-rank": ADAPTER,
    **dict.fromkeys(("bf16", "fp16", "half", "precision"), HALF),
    "data": FINETUNE_DATA,
    "data-path": FINETUNE_DATA,
    "dataset": FINETUNE_DATA,
    "dataset-name": FINETUNE_DATA,
    "train-dataset": FINETUNE_DATA,
    "paths.train": FINETUNE_DATA,
    "paths.dev": FINETUNE_DATA,
    "data-dir": FINETUNE_DATA,
    "test-file": "llmcli evaluate -i FILE measures the finished model",
    "do-train": "--train FILE is enough; --check and --dry-run train nothing",
    "do-eval": "--eval FILE, or --eval-fraction of the training rows",
    "do-predict": "llmcli evaluate and the model's own command run the finished model",
    "iters": "--max-steps counts steps of the optimizer, --gradient-accumulation-steps batches of "
    "--batch-size each",
    "num-iters": "--max-steps counts steps of the optimizer",
    "warmup-steps": "--warmup takes a fraction of the steps",
    "num-warmup-steps": "--warmup takes a fraction of the steps",
    "lr-scheduler-type": "--schedule cosine, linear or constant, each after --warmup",
    "per-device-eval-batch-size": "validation uses --batch-size too",
    "per-gpu-train-batch-size": "--batch-size, in each process of --nproc",
    "train-batch-size": "--batch-size, in each process of --nproc",
    "gradient-checkpointing": "a smaller --batch-size with --gradient-accumulation-steps saves "
    "memory",
    "overwrite-output-dir": "give a new folder with --output, or --resume to continue",
    "resume-from-checkpoint": "--resume continues from the last checkpoint in --output",
    "packing": "texts are always packed into blocks, of --block-size tokens",
    "report-to": "metrics.jsonl in the folder of --output has all losses",
    "logging-dir": "metrics.jsonl in the folder of --output has all losses",
    "optim": "the optimizer is AdamW: --learning-rate, --weight-decay, --beta2",
    "adam-beta1": "it is 0.9; --beta2 can be set",
    "adam-epsilon": "it is 1e-8; --beta2 can be set",
    "num-layers": "--freeze N trains none of the N lower layers",
    "lora-layers": "--lora-targets names the layers that get adapters",
    "fine-tune-type": "--lora trains adapters; without it all weights are trained",
    "finetuning-type": "--lora trains adapters; without it all weights are trained",
    "config-name": "--from-scratch starts a new model",
    "model-type": "--from-scratch starts a new model",
    "tokenizer-name": "--from-scratch learns a tokenizer; a checkpoint has its own",
    "max-train-samples": "write the rows to use into a file of their own, for --train",
    "max-eval-samples": "--eval-fraction says how many rows are held out",
    "max-source-length": "--block-size, for source and target",
    "max-target-length": "--block-size, for source and target",
    "dropout": "--lora-dropout is that of adapters; the model keeps its own",
    "fp32": "--dtype float32",
    "cache-dir": "set the environment variable HF_HOME",
    "token": "set the environment variable HF_TOKEN",
    "hf-token": "set the environment variable HF_TOKEN",
    "use-auth-token": "set the environment variable HF_TOKEN",
    "hf-repo": "-m owner/name, or -m owner/name/file.gguf",
    "gguf-file": "-m FILE.gguf, or -m owner/name/file.gguf",
    "tokenizer": "a model has its own tokenizer: -m names both",
    "return-all-scores": "all labels are reported; --top N limits them",
    "stop-strings": "--stop TEXT, which may be repeated",
    "stop-sequence": "--stop TEXT, which may be repeated",
    "stop-sequences": "--stop TEXT, which may be repeated",
    "reverse-prompt": "--stop TEXT ends before TEXT",
    "no-stream": "-o FILE writes the text when it is complete",
    "stream": "text is shown while it is generated",
    "option": "each option is a flag: --temperature 0.7",
    "continue": "llmcli keeps no history: give the whole text, or messages in a file",
    "conversation": "--chat answers one message; llmcli chat holds a conversation",
    "interactive": "llmcli chat holds a conversation",
    "num-samples": "--num-return-sequences texts for each prompt; --limit rows of a file",
    "samples": "--limit N takes the first rows",
    "num-examples": "--limit N takes the first rows",
    "tasks": "--task NAME, one at a time",
    "debug": "set the environment variable LLMCLI_DEBUG=1",
    "version": "llmcli --version",
    "use-cache": "the cache is always used",
    "early-stopping": "beams always end where none can become better",
    "language": "--from-lang and --to-lang",
    "lang": "--from-lang and --to-lang",
    "input-dir": "--train FILE, for each file",
}
"""Long flags, without dashes."""
SHORT: dict[str, str | tuple[str, ...]] = {
    "-p": POSITIONAL,
    "-c": "a text stands there without a flag; the context is as long as the model's",
    "-t": "OMP_NUM_THREADS=N sets the number of threads; languages: llmcli translate -t LANG",
    "-f": "-i FILE reads a text a line; < FILE all of it as one text (--input)",
    "-g": GPU,
    "-e": "--epochs",
    "-k": "--top-k",
    "-d": "--device",
    "-b": "--batch-size",
    "-l": "--limit",
}
"""Short ones, with their dash."""
