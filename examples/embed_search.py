"""Search by meaning: embed texts once, then find those that are most similar to a query."""

import numpy as np

import llmcli

QUESTIONS = [
    "How do I reset my password?",
    "Where is my order?",
    "Can I send an item back?",
    "Do you ship to other countries?",
    "How can I change my address?",
]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., D) of length 1, whose products are cosines."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def main() -> None:
    """Print the two best matches of each query with their cosines."""
    with llmcli.load("bert-en", task="embed") as model:
        matrix = unit(llmcli.embed(QUESTIONS, model=model))  # (N, D)
        for query in ("I forgot my login", "The parcel has not arrived"):
            vector = unit(llmcli.embed(query, model=model).embedding)  # (D,)
            cosines = matrix @ vector  # (N,)
            print(query)
            for at in np.argsort(-cosines)[:2]:
                print(f"  {cosines[at]:.2f}  {QUESTIONS[at]}")


if __name__ == "__main__":
    main()
