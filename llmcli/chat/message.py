"""A message of a conversation."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said."""

    role: Role
    content: str

    def to_dict(self) -> dict[str, str]:
        """Return the message as chat templates and servers read it."""
        return {"role": self.role, "content": self.content}
