"""What `medmnist-tfds decathlon methods` shows: all of them, or one with its fields.

Never runs a method, and never sets one up.
"""

from medmnist_tfds.decathlon import definition, environment
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import quiet, terminal


def show_all() -> None:
    """A line per built-in method, and what to type for more."""
    lacking = ""
    for name in methods.built_in():
        method = methods.find(name)
        python = environment.interpreter(method)
        state = "ready"
        if isinstance(python, environment.Missing):
            lacking, state = name, python.reason.partition(";")[0]
        if method.takes == ("volumes",):
            state += ", for volumes"
        terminal.say(f"{name:15} {method.display_name:21} {state}")
    command = f"{terminal.command()} decathlon"
    terminal.say("")
    terminal.say(f"Settings of one:   {command} methods resnet18_28")
    if lacking:
        terminal.say(f"Its environment:   {command} setup {lacking}")


def show(method: methods.Method) -> None:
    """All that `--set` can change of a method, and where it is and runs."""
    python = environment.interpreter(method)
    where = "this one"
    if isinstance(python, environment.Missing):
        where = python.reason
    elif method.has_environment:
        where = str(python.parents[1])
    terminal.say(f"{method.name}: {method.display_name}")
    terminal.say(f"folder       {method.folder}")
    if method.program_folder != method.folder:
        terminal.say(f"program      {method.program_folder}")
    terminal.say(f"takes        {' and '.join(method.takes)}")
    terminal.say(f"suites       {', '.join(method.suites)}")
    if method.pretrained:
        terminal.say(f"pretrained   on {method.pretrained}")
    terminal.say(f"environment  {where}")
    if method.requirements:
        terminal.say(f"             {', '.join(method.requirements)}")
    if method.memory_gib:
        terminal.say(f"memory       {method.memory_gib:g} GiB")
    with quiet.tensorflow():  # a recipe's fields cost the import of Keras
        settings = method.settings
    terminal.say("")
    terminal.say(f"Settings, changed by --set {method.name}.FIELD=VALUE:")
    _say_fields(settings)
    for budget in definition.BUDGETS:
        for entry in method.budgets.get(budget, ()):
            size = entry.get("up_to_images")
            of = f", datasets of up to {size:,} images" if size else ""
            terminal.say("")
            terminal.say(f"Budget {budget}{of}; its fields are changed likewise:")
            _say_fields({k: v for k, v in entry.items() if k != "up_to_images"})


def _say_fields(fields) -> None:
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        text = str(value).lower() if isinstance(value, bool) else value
        terminal.say(f"  {name:{width}}  {text}")
    if not fields:
        terminal.say("  none")
