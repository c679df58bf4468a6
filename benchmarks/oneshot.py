"""A text from a prompt, once: what the shell waits for, model and all.

    python benchmarks/oneshot.py [-n 20]

`llmcli generate TEXT` beside a script of a few lines, that of the article that this program
mirrors, with model.generate in place of one forward pass. Whole processes. The starter model is
stored in bfloat16, so that the script names float32, which is what llmcli takes on a CPU: the
faster choice there, and the same arithmetic for both. The texts must be the same.
"""

import common

THEIRS = """
import sys
import torch
from transformers import GPT2LMHeadModel, GPT2Tokenizer

folder, input_text, count = sys.argv[1:]
model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
tokenizer = GPT2Tokenizer.from_pretrained(folder)
input_ids = tokenizer.encode(input_text, return_tensors="pt")
with torch.no_grad():
    predicted_ids = model.generate(input_ids, max_new_tokens=int(count), do_sample=False)
print(tokenizer.decode(predicted_ids[0], skip_special_tokens=True))
"""
PEER = "transformers generate"


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("-n", "--new-tokens", type=int, default=20)
    options = parser.parse_args()
    count = options.new_tokens
    cases = [
        ("gpt2-stories", "gpt2-stories", common.starter("gpt2-stories"), "Once upon a time", 22),
        ("GPT-2 124M", *2 * [common.gpt2_124m(options.models)], "我明天要去看电影。", 7),
    ]
    rows = []
    for name, model, folder, text, needed in cases:
        words = ("generate", text, "-m", model, "-n", count, "-q")
        commands = {
            f"llmcli, {name}": common.llmcli(options, *words),
            f"{PEER}, {name}": common.script(THEIRS, folder, text, count),
        }
        ours, theirs = common.measure_for(options, commands).values()
        rows.append(
            common.row(
                f"one shot, {name}, {count} tokens, whole process",
                PEER,
                ours,
                theirs,
                needed=needed,
                check=lambda a=ours, b=theirs: common.same_words(a.stdout, b.stdout),
            )
        )
    common.finish(options, rows)


if __name__ == "__main__":
    main()
