"""Print a text while it is generated, then what the result says about it."""

import sys

import llmcli

PROMPT = "One day, a small cat"


def main(prompt: str = PROMPT) -> None:
    """Sample a story; the same seed gives the same one."""
    options = llmcli.Decoding(max_new_tokens=60, temperature=0.7, top_p=0.9, seed=7, stop=("\n",))
    pieces = llmcli.stream(prompt, model="gpt2-stories", options=options)
    print(prompt, end="", flush=True)
    for piece in pieces:
        print(piece, end="", flush=True)
    result = pieces.result
    print(f"\n[{result.new_tokens} tokens, ended by {result.finish_reason}, seed {result.seed}]")


if __name__ == "__main__":
    main(*sys.argv[1:2])
