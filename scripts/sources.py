"""What layers.py and tidy.py share: which files are the project's, and reading C++ as text."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

CODE_FOLDERS = ("include", "src", "tools", "sim", "bench", "examples", "chaos", "tests", "fuzz")
CODE_SUFFIXES = (".h", ".cc")


class Finding(NamedTuple):
    path: Path
    line: int
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}; {self.instead}"


def project_files(root: Path) -> list[Path]:
    """Every file that is or could be committed, relative to root."""
    git = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if git.returncode == 0:
        names = [Path(name) for name in git.stdout.decode().split("\0") if name]
    else:  # an unpacked archive
        names = [path.relative_to(root) for path in root.rglob("*")]
        names = [name for name in names if name.parts[0] not in ("build", ".git")]
    return sorted(name for name in set(names) if (root / name).is_file())


def is_code(path: Path) -> bool:
    return path.suffix in CODE_SUFFIXES and path.parts[0] in CODE_FOLDERS


def is_test(path: Path) -> bool:
    """Tests, and the test_*.{h,cc} that they share: never part of a layer's library."""
    return path.name.endswith("_test.cc") or path.name.startswith("test_")


_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/                            # comments
      |R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"    # raw strings
      |"(?:\\.|[^"\\\n])*"                             # strings
      |(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'             # characters, but not the ' of 1'000""",
    re.DOTALL | re.VERBOSE)


def blank(text: str) -> str:
    """The text without comments and literals, each replaced by blanks: columns and lines stay.

    Include lines keep their "path".
    """
    def spaces(match: re.Match) -> str:
        token = match.group(0)
        if token.startswith('"'):
            line = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
            if re.fullmatch(r"\s*#\s*include\s*", line):
                return token
        return re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(spaces, text)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def report(findings: list[Finding], checked: str) -> int:
    """Prints the findings; the exit code."""
    for finding in sorted(findings):
        print(finding)
    if findings:
        print(f"{len(findings)} violation(s) in {checked}", file=sys.stderr)
        return 1
    print(f"{checked}: ok")
    return 0


def self_test(check, cases: dict[str, tuple[str, str, str]]) -> int:
    """Runs check(path, text) on planted files; each case is (path, text, expected), where expected
    is a part of the one violation that must be found, or "" where none may be. The exit code."""
    failures = 0
    for name, (path, text, expected) in cases.items():
        found = [finding.what for finding in check(Path(path), text)]
        good = (len(found) == 1 and expected in found[0]) if expected else not found
        if not good:
            print(f"self-test {name}: wanted {expected or 'nothing'!r}, found {found}")
            failures += 1
    print(f"self-test: {len(cases) - failures} of {len(cases)} cases as expected")
    return 1 if failures else 0
