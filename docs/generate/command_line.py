"""The command line's reference: every command with its arguments and options.

Read from the program itself, so that what it does not know cannot stand there.
"""

import pathlib
import re
import typing

import typer

from medmnist_tfds.commands import cli

_HEAD = """# Command line

Made of the program: what `medmnist-tfds COMMAND --help` says. It is also
`python -m medmnist_tfds`. `medmnist-tfds --install-completion` lets your shell complete
commands and names.
"""

_COMMON = ("help", "install_completion", "show_completion")
_VALUES = {
    int: "NUMBER",
    float: "NUMBER",
    str: "TEXT",
    pathlib.Path: "PATH",
    list[str]: "TEXT",
    list[pathlib.Path]: "PATH",
}


def write(path: pathlib.Path) -> None:
    """Writes the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = typer.main.get_command(cli.app)
    parts = [_HEAD, *_described(command, "medmnist-tfds")]
    path.write_text("\n".join(parts))


def _described(command, name: str) -> list[str]:
    """Sections of a command and of all below it."""
    below = getattr(command, "commands", {})
    parts = [f"## `{name}`\n", f"{_words(command.help)}\n"]
    kinds = typing.get_type_hints(command.callback) if command.callback else {}
    shown = [each for each in command.params if each.name not in _COMMON]
    if not below:
        arguments = [_argument(p, kinds) for p in shown if not _is_option(p)]
        options = ["[OPTIONS]"] if any(map(_is_option, shown)) else []
        parts.append(f"    {' '.join([name, *arguments, *options])}\n")
    parts += [_parameter(each, kinds) for each in shown]
    if command.epilog:
        lines = command.epilog.replace("\b", "").strip("\n")
        parts.append(f"```text\n{lines}\n```\n")
    for word, each in sorted(below.items()):
        parts += _described(each, f"{name} {word}")
    return parts


def _argument(parameter, kinds: dict[str, type]) -> str:
    """How a usage line writes it."""
    repeated = typing.get_origin(kinds[parameter.name]) is list
    text = parameter.name.upper() + "..." * repeated
    return text if parameter.required else f"[{text}]"


def _parameter(parameter, kinds: dict[str, type]) -> str:
    """One argument or option, as an entry of a list of definitions."""
    head = parameter.name.upper()
    if _is_option(parameter):
        head = ", ".join([*parameter.opts, *parameter.secondary_opts])
        if not parameter.is_flag:
            head += f" {parameter.metavar or _value(kinds[parameter.name])}"
    facts = [_words(parameter.help)]
    if parameter.required:
        facts.append("Required.")
    elif default := _default(parameter):
        facts.append(f"Default: {default}.")
    return f"`{head}`\n:   {' '.join(filter(None, facts))}\n"


def _value(kind: type) -> str:
    """What stands for the value of an option of that type."""
    parts = typing.get_args(kind) or (kind,)
    return next(_VALUES[part] for part in parts if part in _VALUES)


def _is_option(parameter) -> bool:
    return parameter.param_type_name == "option"


def _default(parameter) -> str:
    """What happens without it, in Markdown; nothing where the help says it."""
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.default in (None, False, (), [], "") or callable(parameter.default):
        return ""
    return f"`{parameter.default}`"


def _words(text: str | None) -> str:
    """Help in Markdown: its lines joined, its placeholders no HTML and no emphasis."""
    text = re.sub(r"\s*\n(?!\n)\s*", " ", (text or "").replace("\b", "").strip())
    return re.sub(r"([*_<>])", r"\\\1", text)
