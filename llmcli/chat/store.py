"""Conversations in files: JSON that only their user can read."""

import json
import os
import sys
import time
from pathlib import Path

from llmcli.chat.conversation import Conversation, read_conversation
from llmcli.data.write_errors import whole_file, write_errors_explained
from llmcli.errors import InputError
from llmcli.system.metadata import Metadata

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


def chats_folder() -> Path:
    """The folder of saved conversations, which may not exist yet.

    It lies in the folder that LLMCLI_DATA names, else in llmcli in XDG_DATA_HOME, or on Windows in
    LOCALAPPDATA, else in ~/.local/share.
    """
    folder = os.environ.get("LLMCLI_DATA")
    if folder:
        return Path(folder).expanduser() / "chats"
    data = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "llmcli" / "chats"


def path_of(name: str) -> Path:
    """Where a conversation of this name lies: a path, or a name in the folder of conversations.

    >>> path_of("./talk.json")
    PosixPath('talk.json')
    """
    if name.endswith(".json") or "/" in name or os.sep in name:
        return Path(name).expanduser()
    return chats_folder() / f"{name}.json"


def new_path() -> Path:
    """A name that no conversation has yet: the date and time."""
    stem = time.strftime("%Y-%m-%d-%H%M%S")
    names = (f"{stem}{more}.json" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(path for name in names if not (path := chats_folder() / name).exists())


def newest_path() -> Path:
    """The conversation that was saved last. Raises InputError if there is none."""
    paths = [path for path in chats_folder().glob("*.json") if path.is_file()]
    if not paths:
        raise InputError(f"no conversation to continue: {chats_folder()} holds none")
    return max(paths, key=lambda path: path.stat().st_mtime_ns)


def save(conversation: Conversation, path: Path, model_id: str) -> None:
    """Write a conversation, for its user's eyes alone. Raises InputError, DiskFull."""
    if path.parent == chats_folder():
        with write_errors_explained(path):
            path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    value = {
        "model": model_id,
        "messages": [message.to_dict() for message in conversation.messages()],
    }
    with whole_file(path, PRIVATE_FILE) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")


def load(path: Path) -> Conversation:
    """Read a conversation: what `save` wrote, or a list of messages. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such conversation")
    return read_conversation(Metadata(path).json(), str(path))
