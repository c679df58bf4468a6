"""Spans that answer questions are learnt, and `answer` finds them."""

import random


def asked(count=200):
    draw = random.Random(3)
    rows = []
    for _ in range(count):
        animal, place = draw.choice(["cat", "dog"]), draw.choice(["mats", "this", "it"])
        context = f"the {animal} sat on {place}"
        is_about_animal = draw.random() < 0.5
        answer = animal if is_about_animal else place
        rows.append(
            {
                "question": "who sat ?" if is_about_animal else "where is it ?",
                "context": context,
                "answer": answer,
                "answer_start": context.rindex(answer),
            }
        )
    return rows


def test_answers_are_found(run, learner, fit, tmp_path):
    result = fit(learner, asked(), "question-answering", max_steps=60)
    assert result.metrics["f1"] > 0.95
    shown = run("answer", "who sat ?", "--context", "the dog sat on mats", "-m", tmp_path / "model")
    assert shown.stdout.strip().startswith("dog"), shown.output
