"""Write the stories whose n-grams `llmcli learn` counts, by the starter gpt2-stories itself.

    python recipes/learn_stories.py llmcli/interpretability/tour/stories.txt.gz

The first lines of the file say how it was made; then there is a story a line. On the same
versions of torch and of the model, the same file is written again.
"""

import argparse
import gzip
from pathlib import Path

import torch

import llmcli
from llmcli.models.hub import resolve
from llmcli.system.hashes import hash_file

MODEL = "gpt2-stories"
LONGEST = 255  # tokens, as the stories that the model was trained on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--stories", type=int, default=500)
    parser.add_argument("--seed", type=int, default=19)
    options = parser.parse_args()

    drawn = llmcli.Decoding(
        temperature=1.0,
        seed=options.seed,
        max_new_tokens=LONGEST,
        num_return_sequences=options.stories,
    )
    model = llmcli.ModelSpec(MODEL, device="cpu", dtype="float32", engine="torch")
    with llmcli.load(model) as loaded:
        prompts = [""]  # the start of a text alone
        written = list(llmcli.generate(prompts, model=loaded, options=drawn))
    weights = Path(resolve(model).path) / "model.safetensors"
    header = [
        f"# {len(written)} stories that the starter model {MODEL} wrote, a story a line",
        "# made by: python recipes/learn_stories.py llmcli/interpretability/tour/stories.txt.gz",
        f"# temperature 1.0, at most {LONGEST} tokens each, seed {options.seed}, no prompt",
        f"# model.safetensors: sha256 {hash_file(weights)}",
        f"# torch {torch.__version__}, float32, cpu",
    ]
    stories = [" ".join(result.text.split()) for result in written]
    text = "\n".join([*header, *stories, ""])
    with (
        options.output.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,  # the same bytes at any time
    ):
        packed.write(text.encode())


if __name__ == "__main__":
    main()
