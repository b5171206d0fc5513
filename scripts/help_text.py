"""What the command's --help says, taken apart: for the manual pages and the check of the docs."""

import re
import subprocess
from typing import NamedTuple

VARIABLE = re.compile(r"\s*\(Env:(\w+)(?:, ([^)]*))?\)")
HEADINGS = ("Positionals:", "Options:", "Subcommands:", "Commands:")


class Entry(NamedTuple):
    """An option, an argument or a command in a list of --help."""
    name: str         # "--lease", "TEXT", "agent"; of several spellings the long one
    spelling: str     # "-h,--help", "--lease DURATION"
    default: str      # "" without one
    variable: str     # the environment variable, "" without one
    text: str


class Page(NamedTuple):
    """What one command's --help says."""
    words: tuple[str, ...]   # ("store", "sql"); () is `hedgerow` itself
    what: str                # the first sentence
    usage: str
    arguments: list[Entry]
    options: list[Entry]
    commands: list[Entry]
    text: list[str]          # paragraphs; a line that is indented is to be left as it is
    examples: list[str]      # lines
    exits: list[str]         # paragraphs about exit codes, lines as they are


def one_entry(spelling: str, text: str) -> Entry:
    # The variable stands beside the option, or in its text where CLI11 does not know of it.
    variable, note = "", ""
    for source in (spelling, text):
        if found := VARIABLE.search(source):
            variable, note = found.group(1), found.group(2) or ""
    spelling = VARIABLE.sub("", spelling).strip()
    text = VARIABLE.sub("", text).strip()
    if note:
        text += f" ({variable}: {note})"
    default = ""
    if " " in spelling and "=" in spelling.split(" ", 1)[1] and "KEY=VALUE" not in spelling:
        spelling, default = spelling.rsplit("=", 1)
    spelling = re.sub(r"\s*REQUIRED|:\w+ in \[[^]]*\]", "", spelling)
    name = spelling.split(" ")[0].split(",")[-1]
    return Entry(name, spelling, default, variable, text)


def entries(lines: list[str]) -> list[Entry]:
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if re.match(r"  \S", line):
            left, _, right = line.strip().partition("  ")
            found.append((left, [right.strip()]))
        else:
            found[-1][1].append(line.strip())
    return [one_entry(left, " ".join(part for part in right if part)) for left, right in found]


def paragraphs(lines: list[str]) -> list[str]:
    return [part.strip("\n") for part in re.split(r"\n\s*\n", "\n".join(lines)) if part.strip()]


def take_apart(words: tuple[str, ...], help_text: str) -> Page:
    before, _, rest = help_text.partition("Usage: ")
    usage, _, rest = rest.partition("\n")
    lists: dict[str, list[Entry]] = {heading: [] for heading in HEADINGS}
    text, examples, exits = [], [], []
    for part in paragraphs(rest.split("\n")):
        head, *lines = part.split("\n")
        if head in lists:
            lists[head] = entries(lines)
        elif head.startswith("Example"):
            examples += [line.removeprefix("  ") for line in lines]
        elif head.startswith("Exit codes:"):
            exits.append("\n".join(lines))
        elif head.startswith("Exits with"):
            exits.append(part)
        else:
            text.append(part)
    return Page(words, " ".join(before.split()), usage, lists["Positionals:"], lists["Options:"],
                lists["Subcommands:"] + lists["Commands:"], text, examples, exits)


def ask(command: str, words: tuple[str, ...], option: str = "--help") -> str:
    run = subprocess.run([command, *words, option], capture_output=True, encoding="utf-8",
                         check=False, stdin=subprocess.DEVNULL, timeout=30)
    if run.returncode != 0:
        raise SystemExit(f"{command} {' '.join(words)} {option}: status {run.returncode}: "
                         f"{run.stderr.strip()}")
    return run.stdout


def read(command: str, words: tuple[str, ...] = ()) -> list[Page]:
    """The page of this command, and of all commands below it."""
    page = take_apart(words, ask(command, words))
    pages = [page]
    for below in page.commands:
        pages += read(command, (*words, below.name))
    return pages


def variables(page: Page) -> set[str]:
    """Every environment variable of Hedgerow's that the page names."""
    named = {entry.variable for entry in page.options if entry.variable}
    return named | set(re.findall(r"\bHEDGEROW_[A-Z_]+\b", "\n".join(page.text)))
