"""The first program of a tutorial on transformers: load, tokenize, forward pass, argmax, decode.

Each step is one call. Prints the tokens of a text, what GPT-2 predicts after each of them, the
predicted text, and how the text goes on.
"""

import llmcli

TEXT = "Once upon a time"

with llmcli.load("gpt2-stories") as model:  # or "gpt2", or a folder
    tokenized = llmcli.tokenize(TEXT, model=model)
    print("tokens:", [token.token for token in tokenized.tokens])
    print("ids:   ", [token.id for token in tokenized.tokens])

    result = llmcli.forward(TEXT, model=model, top=2)
    for position in result.positions:
        guesses = [f"{guess.token!r} {guess.probability:.2f}" for guess in position.best]
        print(f"after {position.token!r:9} {', '.join(guesses)}")
    print("argmax, decoded:", result.predicted_text)
    print(f"perplexity: {result.perplexity:.1f}")

    greedy = llmcli.generate(TEXT, model=model, options=llmcli.Decoding(max_new_tokens=20))
    print("greedy: ", TEXT + greedy.text)
    sampling = llmcli.Decoding(max_new_tokens=20, temperature=0.8, seed=1)
    sampled = llmcli.generate(TEXT, model=model, options=sampling)
    print("sampled:", TEXT + sampled.text)
