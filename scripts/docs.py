#!/usr/bin/env python3
"""Checks what the docs say against the code: docs/reference.md has every option, variable, default,
JSON field, error code and exit code, and none that is not there; every test and every mutant that
docs/guarantees.md names exists, and every mutant has a promise there.

Usage: docs.py --command HEDGEROW | --self-test
"""

import argparse
import re
import sys
from functools import partial
from pathlib import Path

import help_text
from help_text import Page
from sources import Finding, blank, is_test, line_of, project_files, report, self_test

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = Path("docs/reference.md")
GUARANTEES = Path("docs/guarantees.md")
MUTANTS = Path("src/base/mutant.h")
SHARED = "Options of every command"

FIELD = re.compile(r'\b\w+\["(\w+)"\]\s*=[^=]|\bput(?:_text)?\((?:\w+, )?"(\w+)"'
                   r'|\{"(\w+)", (?!"\w)|\bprint\("(\w+)"')
CODE = re.compile(r'\bcase errc::\w+:\s*return "(\w+)";')
TEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
NAMED_TEST = re.compile(r"`([a-z]\w*\.[A-Za-z]\w*)`")
NAMED_MUTANT = re.compile(r"`(\w+)`")
FILE_ENDINGS = (".cc", ".h", ".md", ".py", ".db", ".conf", ".so")


def sections(text: str) -> dict[str, tuple[int, str]]:
    """Heading (of ##, without backticks) -> (offset, what stands below it)."""
    heads = list(re.finditer(r"^## (.+)$", text, re.MULTILINE))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {head.group(1).replace("`", ""): (head.start(), text[head.end():end])
            for head, end in zip(heads, ends)}


def rows(section: str) -> dict[str, str]:
    """First cell's first `code` -> the whole row."""
    return {match.group(1): match.group(0)
            for match in re.finditer(r"^\| `([^`\s]+)[^\n]*", section, re.MULTILINE)}


def title(page: Page) -> str:
    return " ".join(("hedgerow", *page.words))


def check_options(path: Path, text: str, pages: list[Page]):
    """Each option of each command has a row with its variable and default; no row is of another."""
    parts = sections(text)
    _, shared_text = parts.get(SHARED, (0, ""))
    shared = rows(shared_text)
    known = {entry.name for page in pages for entry in page.options}
    for name in shared:
        if name.startswith("-") and name not in known:
            yield Finding(path, line_of(text, parts[SHARED][0]), f"{name}, which no command has",
                          "remove the row")
    for page in pages:
        at, below = parts.get(title(page), (0, ""))
        if title(page) not in parts and page.words:
            yield Finding(path, 1, f"no section for `{title(page)}`", "add one, and its options")
            continue
        own = rows(below)
        for entry in page.options:
            if entry.name in ("--help", "--version"):
                continue
            row = own.get(entry.name) or shared.get(entry.name)
            missing = row is None and entry.name or next(
                (one for one in (entry.variable, entry.default) if one and one not in row), "")
            if missing:
                yield Finding(path, line_of(text, at), f"`{title(page)}` without {missing}",
                              f"give {entry.name} a row with variable and default")
        for name in own:
            if name.startswith("--") and name not in {entry.name for entry in page.options}:
                yield Finding(path, line_of(text, at), f"`{title(page)}` has no {name}",
                              "remove the row")


def check_words(path: Path, text: str, pages: list[Page], words: set[str]):
    """Fields and codes, and the exit codes of all commands."""
    for word in sorted(words):
        if not re.search(rf"`[^`\n]*\b{word}\b[^`\n]*`", text):
            yield Finding(path, 1, f"no word of `{word}`", "say what it means, in backticks")
    _, exits = sections(text).get("Exit codes", (0, ""))
    for page in pages:
        for code in re.findall(r"^  (\d+)", "\n".join(page.exits), re.MULTILINE):
            if not re.search(rf"^\| {code} \|", exits, re.MULTILINE):
                yield Finding(path, 1, f"no exit code {code}, which `{title(page)}` has",
                              "add a row to Exit codes")


def check_reference(path: Path, text: str, pages: list[Page], words: set[str]):
    yield from check_options(path, text, pages)
    yield from check_words(path, text, pages, words)


def check_guarantees(path: Path, text: str, tests: set[str], mutants: set[str]):
    for match in NAMED_TEST.finditer(text):
        name = match.group(1)
        if name.endswith(FILE_ENDINGS) or name in tests:
            continue
        yield Finding(path, line_of(text, match.start()), f"no test {name}",
                      "name the one that shows it now")
    named = list(named_mutants(text))
    for number, name in named:
        if name not in mutants:
            yield Finding(path, number, f"no mutant {name}", f"name one of {MUTANTS}")
    for name in sorted(mutants - {name for _, name in named}):
        yield Finding(path, 1, f"no promise for the mutant {name}", "name it where its rule counts")


def named_mutants(text: str):
    """Line and name of what stands in columns with the heading Mutant."""
    column = None
    for number, line in enumerate(text.split("\n"), start=1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            column = None
        elif "Mutant" in cells:
            column = cells.index("Mutant")
        elif column is not None and column < len(cells):
            for name in NAMED_MUTANT.findall(cells[column]):
                yield number, name


def words_of_tools() -> set[str]:
    """Fields and events that the command writes as JSON, and names of errors."""
    words = set()
    for path in project_files(ROOT):
        if path.parts[0] != "tools" or path.suffix != ".cc" or is_test(path):
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        words |= set(CODE.findall(text))
        if "tools/json.h" in text or "tools/events.h" in text:
            words |= {word for found in FIELD.findall(text) for word in found if word}
    return words


def all_tests() -> set[str]:
    return {".".join(found) for path in project_files(ROOT) if path.name.endswith("_test.cc")
            for found in TEST.findall(blank((ROOT / path).read_text(encoding="utf-8")))}


def all_mutants() -> set[str]:
    text = blank((ROOT / MUTANTS).read_text(encoding="utf-8"))
    body = re.search(r"enum class mutant[^{]*{([^}]*)}", text)
    return set(re.findall(r"\w+", body.group(1))) - {"none", "count"}


PAGE = help_text.take_apart(("x",), """X
Usage: hedgerow x [OPTIONS]

Options:
  --one N=3 (Env:HEDGEROW_ONE)
                              One

Exit codes:
  0  done
""")
GOOD = ("## Options of every command\n\n## `hedgerow x`\n\n"
        "| `--one N` | `HEDGEROW_ONE` | 3 | one |\n\n`field`\n\n## Exit codes\n\n| 0 | done |\n")
PLANTED = {
    "complete": ("r.md", GOOD, ""),
    "no option": ("r.md", GOOD.replace("--one", "one"), "without --one"),
    "no variable": ("r.md", GOOD.replace("HEDGEROW_ONE", "ONE"), "without HEDGEROW_ONE"),
    "no default": ("r.md", GOOD.replace("| 3 |", "| |"), "without 3"),
    "old option": ("r.md", GOOD.replace("\n\n`field`", "\n| `--two` | | | |\n\n`field`"),
                   "has no --two"),
    "old shared option": ("r.md", GOOD.replace("command\n", "command\n| `--two` | | | |\n"),
                          "--two, which no command has"),
    "no section": ("r.md", GOOD.replace("hedgerow x", "hedgerow y"), "no section"),
    "no field": ("r.md", GOOD.replace("`field`", "field"), "no word of `field`"),
    "no exit code": ("r.md", GOOD.replace("| 0 |", "0"), "no exit code 0"),
}
TABLE = "| Promise | Shown by | Mutant |\n|---|---|---|\n| `it` | `lease.holds` | `no_rule` |\n"
PLANTED_TESTS = {
    "a test": ("g.md", TABLE + "\n| see `lease.holds` in `lease.cc` |", ""),
    "no test": ("g.md", TABLE + "\n| see `lease.gone` |", "no test lease.gone"),
    "no mutant": ("g.md", TABLE + "| it | | `rule` |\n", "no mutant rule"),
    "no promise": ("g.md", TABLE.replace("`no_rule`", ""), "no promise for the mutant no_rule"),
    "elsewhere": ("g.md", TABLE.replace("Mutant", "Word"), "no promise for the mutant no_rule"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--command", help="the hedgerow that is asked")
    parser.add_argument("--self-test", action="store_true")
    given = parser.parse_args()
    if given.self_test:
        planted = partial(check_reference, pages=[PAGE], words={"field"})
        return (self_test(planted, PLANTED)
                | self_test(partial(check_guarantees, tests={"lease.holds"}, mutants={"no_rule"}),
                            PLANTED_TESTS))
    if not given.command:
        parser.error("--command is needed")
    pages = help_text.read(given.command)
    reference, guarantees = ((ROOT / path).read_text(encoding="utf-8")
                             for path in (REFERENCE, GUARANTEES))
    found = list(check_reference(REFERENCE, reference, pages, words_of_tools()))
    found += check_guarantees(GUARANTEES, guarantees, all_tests(), all_mutants())
    return report(found, "docs/reference.md and docs/guarantees.md")


if __name__ == "__main__":
    sys.exit(main())
