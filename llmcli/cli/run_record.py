"""training.json, the record of a finetune run, as settings for --config: it replays the run."""

from pathlib import Path
from typing import Any

from llmcli.errors import InputError

COMMAND = "finetune"


def is_run_record(values: Any) -> bool:
    """True for what finetune writes into training.json."""
    return isinstance(values, dict) and {"base", "bytes", "adapters"} <= set(values)


def settings_of_record(values: dict[str, Any], where: Path) -> dict[str, Any]:
    """The recorded settings by the names of finetune's options, without those that are not set.

    Where `dtype` is auto, the run computes in what the recorded one did. Raises InputError if a
    data file is not of its recorded size: the run would be another one.
    """
    for path, size in values["bytes"].items():
        file = Path(path)
        if file.is_file() and file.stat().st_size != size:
            raise InputError(
                f"{where}: that run read {size:,} bytes of {path}, which has "
                f"{file.stat().st_size:,} now: it cannot be replayed; give the data as it was"
            )
    model_id, revision = values["base"] or (None, None)
    parts = {**values["adapters"], **values.get("files", {})}
    settings = {**values, **parts, "model_id": model_id, "revision": revision}
    if values.get("arithmetic") in ("float32", "bfloat16"):
        from llmcli.spec.training import STEP_CONTEST
        from llmcli.system import calibration

        calibration.resume({STEP_CONTEST: values["arithmetic"]})
    left_out = ("base", "bytes", "adapters", "files", "arithmetic")
    return {
        name: value
        for name, value in settings.items()
        if name not in left_out and value not in (None, [], "")
    }
