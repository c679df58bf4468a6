"""Kill finetune 20 times, 10 of them while it writes a checkpoint, and resume.

    python benchmarks/kill_finetune.py

After each kill: is the checkpoint that is picked whole? At the end: are the weights those of a
run that nobody disturbed, bit for bit? A BERT of 3 million weights is made for it, so that a save
takes long enough to be hit. About 10 minutes.
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from safetensors.numpy import load_file

from llmcli.training.resume import is_whole, last_whole

KILLS, IN_SAVES = 20, 10
STEPS, SAVE_STEPS = 60, 2
CONFIG = {
    "model_type": "bert",
    "hidden_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 1024,
    "vocab_size": 2000,
    "max_position_embeddings": 64,
}


def main() -> None:
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        words = [f"word{at}" for at in range(400)]
        rows = [
            {"text": " ".join(draw.choices(words, k=20)), "label": draw.choice("ab")}
            for _ in range(400)
        ]
        (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (here / "config.json").write_text(json.dumps(CONFIG))
        whole = here / "whole"
        subprocess.run(command(here, whole), check=True, stderr=subprocess.DEVNULL)
        broken = here / "broken"
        done = {"in a save": 0, "elsewhere": 0}
        while sum(done.values()) < KILLS:
            kind = "in a save" if done["in a save"] < IN_SAVES else "elsewhere"
            if not killed(here, broken, kind, draw):
                shutil.rmtree(broken)  # it came to its end first: begin anew
                continue
            done[kind] += 1
            picked = last_whole(broken / "checkpoints")
            state = picked.name if picked else "none yet"
            unfinished = (broken / "checkpoints" / "unfinished").exists()
            assert picked is None or is_whole(picked)
            print(f"kill {sum(done.values())} {kind}: {state}; half a save left: {unfinished}")
        subprocess.run([*command(here, broken), "--resume"], check=True, stderr=subprocess.DEVNULL)
        one, other = (load_file(path / "model.safetensors") for path in (whole, broken))
        assert one.keys() == other.keys()
        assert all((one[name] == other[name]).all() for name in one)
        print(f"{KILLS} kills, {IN_SAVES} in a save: the weights are bit-identical")


def command(here: Path, output: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "llmcli", "finetune", "--task", "classification"),
        *("--from-scratch", str(here / "config.json"), "--train", str(here / "rows.jsonl")),
        *("-o", str(output), "--max-steps", str(STEPS), "--save-steps", str(SAVE_STEPS)),
        *("--batch-size", "8", "--dtype", "float32", "--device", "cpu", "--eval-steps", "10"),
        *("--log-steps", "1"),
    ]


def killed(here: Path, output: Path, kind: str, draw: random.Random) -> bool:
    """Start or resume, and kill at a moment of this kind; False where it ended before."""
    resume = ["--resume"] if output.exists() else []
    process = subprocess.Popen([*command(here, output), *resume], stderr=subprocess.DEVNULL)
    unfinished = output / "checkpoints" / "unfinished"
    metrics = output / "metrics.jsonl"
    before = metrics.stat().st_size if metrics.exists() else 0
    skip = draw.randrange(3)  # saves to let pass
    moment = None
    was_saving = False
    while process.poll() is None:
        if kind == "in a save":
            saving = unfinished.exists() and any(unfinished.glob("*/*"))
            if saving and not was_saving:
                skip -= 1
            was_saving = saving
            if saving and skip < 0:
                time.sleep(draw.random() * 0.05)
                break
        elif moment is None and metrics.exists() and metrics.stat().st_size > before:
            moment = time.monotonic() + draw.random() * 3
        elif moment is not None and time.monotonic() > moment:
            break
        time.sleep(0.002)
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return alive


if __name__ == "__main__":
    main()
