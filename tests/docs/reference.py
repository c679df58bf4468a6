"""The parts of the documentation that are made from the program: options, the Python API, inputs.

`<!-- reference: llmcli generate -->` and `<!-- end of reference -->` hold such a part.
"""

import re
from collections.abc import Iterator

import click

from llmcli.cli.config import all_commands
from llmcli.cli.main import main
from tests.docs.api_reference import api_reference
from tests.docs.markup import marked_up
from tests.inputs.page import tables

MARKED = re.compile(
    r"(<!-- reference: (?P<name>[^>]+) -->\n).*?(<!-- end of reference -->)", re.DOTALL
)


def renew(text: str) -> str:
    """Rewrite every reference of a page."""
    return MARKED.sub(lambda match: f"{match[1]}{reference(match['name'])}{match[3]}", text)


def reference(name: str) -> str:
    """Describe a command, each command of a group, the API, or what is read, in Markdown."""
    if name == "import llmcli":
        return api_reference()
    if name == "what is read":
        return tables()
    command = find(name)
    if not isinstance(command, click.Group):
        return "\n".join(described(command, name)) + "\n"
    parts = []
    for child, sub in all_commands(command).items():
        summary = " ".join((sub.help or "").split("\n\n")[0].split())
        lines = described(sub, f"{name} {child}")
        parts.append(f"### {name} {child}\n\n{marked_up(summary)}\n" + "\n".join(lines))
    return "\n" + "\n".join(parts) + "\n"


def find(name: str) -> click.Command:
    """Find the command that the shell calls so: `llmcli models pull`."""
    command: click.Command = main
    for part in name.split()[1:]:
        assert isinstance(command, click.Group)
        command = all_commands(command)[part]
    return command


def described(command: click.Command, name: str) -> Iterator[str]:
    """Give the usage and the options of a command, line by line."""
    context = click.Context(command, info_name=name, help_option_names=["-h", "--help"])
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield from ("", "```text", usage, "```", "", "| option | meaning |", "|---|---|")
    for option in command.get_params(context):
        record = option.get_help_record(context)
        if record and isinstance(option, click.Option):
            yield f"| {names(record[0])} | {meaning(option, record[1])} |"
    yield ""


def names(written: str) -> str:
    """Mark up the names of an option; its choices are told with its meaning."""
    parts = re.sub(r" \[.*?\]", "", written).replace("|", r"\|").split(" / ")
    return " / ".join(", ".join(f"`{name}`" for name in part.split(", ")) for part in parts)


def meaning(option: click.Option, written: str) -> str:
    """Mark up what an option's help says, and add its choices."""
    text, _, remarks = written.partition("  [")
    remarks = f"  [{remarks}" if remarks else ""
    if isinstance(option.type, click.Choice):
        text += f" One of {', '.join(option.type.choices)}."
    return marked_up(text + re.sub(r"\[(.*?)\]", r"(\1)", remarks))
