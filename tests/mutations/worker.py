"""A process that judges cases one after another: the number of each on stdin, a line of JSON out.

    python -m tests.mutations.worker WORK KIND

WORK/sound holds the sound folders. The first line out says that the sound answer is known.
"""

import json
import os
import resource
import shutil
import sys
from pathlib import Path

from tests.mutations.folders import KINDS
from tests.mutations.judge import judge, sound_answer
from tests.mutations.mutate import mutations

MEMORY = 12 << 30  # bytes of addresses; a folder that asks for more is out of memory


def main() -> None:
    """Judge the cases whose numbers are read."""
    work, name = Path(sys.argv[1]), sys.argv[2]
    kind = next(kind for kind in KINDS if kind.name == name)
    root = work / "sound"
    cases = list(mutations(root / kind.folder))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    scratch = work / f"worker-{os.getpid()}"
    scratch.mkdir()
    (scratch / "sound").symlink_to(root)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sound = sound_answer(kind, root, scratch)
    print(json.dumps(["ready", str(sound)[:80]]), file=out, flush=True)
    for line in sys.stdin:
        try:
            answer = judge(kind, cases[int(line)], sound, root, scratch)
        except BaseException as error:
            answer = ("the judge failed", repr(error)[:300])
        print(json.dumps(answer), file=out, flush=True)
        for path in scratch.iterdir():
            if path.name != "sound":
                shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
