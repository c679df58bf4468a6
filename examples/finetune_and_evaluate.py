"""Fine-tune an encoder to sort texts by topic, then measure it on texts that it has not seen."""

import json
import tempfile
from pathlib import Path

import llmcli

TOPICS = {
    "sport": ["match", "goal", "team", "race", "player", "coach"],
    "cooking": ["soup", "salt", "oven", "butter", "recipe", "cake"],
}
TRAIN = ["I watched the {}.", "Tell me about the {}.", "The {} was great.", "She likes the {}."]
TEST = ["We talked about the {}.", "This {} is new."]


def rows(templates: list[str]) -> list[dict[str, str]]:
    """Texts with their topics, made from templates."""
    return [
        {"text": template.format(word), "label": topic}
        for template in templates
        for topic, words in TOPICS.items()
        for word in words
    ]


def main() -> None:
    """Train for a few steps in a folder of its own and print the metrics."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "train.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows(TRAIN)))
        options = llmcli.Training(
            train=(str(data),),
            output=f"{folder}/topics",
            task="classification",
            max_steps=12,
            batch_size=8,
            learning_rate=1e-3,
        )
        trained = llmcli.finetune(options, "bert-en")
        print(f"{trained.steps} steps, {trained.train_tokens} tokens of training data")
        report = llmcli.evaluate(rows(TEST), model=trained.output, task="classification")
        for metric in report.metrics:
            interval = "" if metric.low is None else f" ({metric.low:.2f} to {metric.high:.2f})"
            print(f"{metric.name}: {metric.value:.2f}{interval}")
        label = llmcli.classify("The new cake recipe", model=trained.output).label
        print(f"The new cake recipe: {label}")


if __name__ == "__main__":
    main()
