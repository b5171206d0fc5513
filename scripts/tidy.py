#!/usr/bin/env python3
"""Checks what neither the formatter nor the compiler looks at: sizes, names, leftovers.

Usage: tidy.py [--self-test]

Prints `file:line: what; what to do instead` for each violation and exits with 1 if there are any.
"""

import ast
import re
import sys
from pathlib import Path

from sources import Finding, blank, is_code, is_test, line_of, project_files, report, self_test

ROOT = Path(__file__).resolve().parent.parent

LINE_LENGTH = 100
FILE_LINES = 500
FUNCTION_LINES = 70

# Prose and data wrap as they like.
UNLIMITED = {".md", ".txt", ".json", ".csv", ".svg", ".html"}
UNLIMITED_NAMES = {"LICENSE"}

VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "stuff"}

LEFTOVER = re.compile(r"TODO\(no[w]\)|FIXM[E]")
MACHINE_PATH = re.compile(r"(?<![\w.~/:-])/(?:home|root|work|Users|mnt)/\w")
CONFLICT = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)
TEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_[FP])?\(", re.MULTILINE)
SLEEP = re.compile(r"\bsleep_(?:for|until)\s*\(|\b(?:u|nano)sleep\s*\(|::sleep\s*\(|\bsleep\s*\(\d")
CANNOT_FAIL = re.compile(r"\b(?:EXPECT|ASSERT)_(?:TRUE\(true|FALSE\(false)\)|\bDISABLED_\w+")

# Until C++23 nothing keeps what view() returns, and a node drops it when it accepts the next view.
DROPPED_VIEW = re.compile(r"\bfor \([^;{}\n]*[^:]:[^:;{}][^;{}\n]*\bview\(\)->")

SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)


def cpp_functions(text: str):
    """(first line, last line) of each outermost function in a blanked text."""
    code = DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)
    stack, statement, function = [], 0, None
    for brace in re.finditer(r"[{};]", code):
        if brace.group(0) == "{":
            head = code[statement:brace.start()]
            if function is None and ")" in head and not SCOPE.search(head.split("(")[0]):
                begin = statement + len(head) - len(head.lstrip())
                function = (len(stack), line_of(code, begin))
            stack.append("{")
        elif brace.group(0) == "}" and stack:
            stack.pop()
            if function is not None and len(stack) == function[0]:
                yield function[1], line_of(code, brace.start())
                function = None
        statement = brace.end()


def python_functions(text: str):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def check_sizes(path: Path, text: str):
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_LENGTH:
            yield Finding(path, number, f"line of {len(line)} characters",
                          f"break it at {LINE_LENGTH}")
    if len(lines) > FILE_LINES:
        yield Finding(path, len(lines), f"file of {len(lines)} lines",
                      f"split it by what changes together; {FILE_LINES} is the limit")
    functions = []
    if is_code(path):
        functions = cpp_functions(blank(text))
    elif path.suffix == ".py" or text.startswith("#!/usr/bin/env python3"):
        functions = python_functions(text)
    for first, last in functions:
        if last - first + 1 > FUNCTION_LINES:
            yield Finding(path, first, f"function of {last - first + 1} lines",
                          f"split it; {FUNCTION_LINES} is the limit")


def check_space(path: Path, text: str):
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield Finding(path, number, "trailing space", "remove it")
        if line.startswith("\t") and path.suffix in (".h", ".cc", ".py", ".cmake", ".proto"):
            yield Finding(path, number, "tab", "indent with spaces")
    if text and not text.endswith("\n"):
        yield Finding(path, line_of(text, len(text)), "no newline at the end of the file", "add it")


def check_leftovers(path: Path, text: str):
    for pattern, what, instead in (
            (LEFTOVER, "leftover", "finish it, or open an issue and say TODO(soon|someday)"),
            (MACHINE_PATH, "path of one machine", "take it from an argument or the environment"),
            (CONFLICT, "merge conflict", "resolve it")):
        for match in pattern.finditer(text):
            if is_test(path) and match.group(0).startswith("/home/"):
                continue  # a made-up home is data
            yield Finding(path, line_of(text, match.start()), f"{what} {match.group(0)!r}", instead)


def check_loops(path: Path, text: str):
    code = blank(text)
    for match in DROPPED_VIEW.finditer(code):
        yield Finding(path, line_of(code, match.start()), "loop over a view that nobody holds",
                      "keep what view() returns in a variable")


def check_tests(path: Path, text: str):
    code = blank(text)
    if not TEST.search(code):
        yield Finding(path, 1, "test file without a TEST", "add one or remove the file")
    for match in SLEEP.finditer(code):
        yield Finding(path, line_of(code, match.start()), "test that sleeps",
                      "wait for the condition, with a deadline")
    for match in CANNOT_FAIL.finditer(code):
        yield Finding(path, line_of(code, match.start()),
                      f"test that cannot fail: {match.group(0)}",
                      "make it fail when the code is wrong, or remove it")


def check_names(path: Path):
    for part in (*path.parts[:-1], path.stem):
        vague = VAGUE_NAMES & set(re.split(r"[_.-]", part.lower()))
        if vague:
            yield Finding(path, 1, f"name with {vague.pop()!r}", "name it after what it does")


def check_text(path: Path, text: str):
    """Every violation in one file."""
    yield from check_names(path)
    yield from check_space(path, text)
    yield from check_leftovers(path, text)
    unlimited = path.suffix in UNLIMITED or path.name in UNLIMITED_NAMES
    if not unlimited or path.name == "CMakeLists.txt":
        yield from check_sizes(path, text)
    if is_code(path):
        yield from check_loops(path, text)
    if path.name.endswith("_test.cc"):
        yield from check_tests(path, text)


def check_file(path: Path):
    if path.parts[:2] == ("fuzz", "corpus"):  # inputs, not text
        return
    data = (ROOT / path).read_bytes()
    if b"\0" in data:
        return
    yield from check_text(path, data.decode(errors="replace"))


def function(lines: int, head: str = "void f() {") -> str:
    return head + "\n" + "  g();\n" * (lines - 2) + "}\n"


PLANTED = {
    "clean": ("src/base/x.cc", "// fine\n" + function(70), ""),
    "long line": ("src/base/x.cc", "// " + "x" * 98 + "\n", "line of 101"),
    "line at the limit": ("src/base/x.cc", "// " + "x" * 97 + "\n", ""),
    "long prose": ("docs/x.md", "x" * 200 + "\n", ""),
    "long file": ("src/base/x.cc", "int x;\n" * 501, "file of 501"),
    "long function": ("src/base/x.cc", function(71), "function of 71"),
    "long method": ("src/base/x.cc", "namespace a {\nclass b {\n" + function(71) + "};\n}\n",
                    "function of 71"),
    "long constructor": ("src/base/x.cc", function(71, "a::a(int b) : b_{b}, c_(b) {"),
                         "function of 71"),
    "long test": ("src/base/x_test.cc", function(71, "TEST(a, b) {"), "function of 71"),
    "long class": ("src/base/x.h", "class a {\n" + "  int f() { return 1; }\n" * 100 + "};\n", ""),
    "long table": ("src/base/x.cc", "constexpr int a[] = {\n" + "  1,\n" * 100 + "};\n", ""),
    "brace in a string": ("src/base/x.cc", 'auto a = "{"; auto b = \'{\';\n' + "int c;\n" * 90, ""),
    "long python function": ("scripts/x.py", "def f():\n" + "    g()\n" * 70, "function of 71"),
    "trailing space": ("docs/x.md", "x \n", "trailing space"),
    "tab": ("src/base/x.cc", "\tint x;\n", "tab"),
    "no newline": ("src/base/x.cc", "int x;", "no newline"),
    "leftover": ("src/base/x.cc", "// TODO(no" + "w): x\n", "leftover"),
    "later": ("src/base/x.cc", "// TODO(soon): x\n", ""),
    "machine path": ("docs/x.md", "see /ho" + "me/someone/x\n", "path of one machine"),
    "path made up for a test": ("src/base/x_test.cc", 'TEST(a, b) { f("/ho' + 'me/a"); }\n', ""),
    "system path": ("docs/x.md", "see /usr/share and /var/lib/hedgerow\n", ""),
    "conflict": ("docs/x.md", "<" * 7 + " HEAD\n", "merge conflict"),
    "empty test": ("src/base/x_test.cc", "int x;\n", "without a TEST"),
    "sleeping test": ("src/base/x_test.cc",
                      "TEST(a, b) { std::this_thread::sleep_for(1ms); }\n", "sleeps"),
    "usleep": ("src/base/x_test.cc", "TEST(a, b) { usleep(1); }\n", "sleeps"),
    "sleep()": ("src/base/x_test.cc", "TEST(a, b) { ::sleep(n); }\n", "sleeps"),
    "a method named sleep": ("src/base/x_test.cc", "TEST(a, b) { node.sleep(n); sleep(n); }\n", ""),
    "sleep in a comment": ("src/base/x_test.cc", "TEST(a, b) { f(); }  // no sleep(1)\n", ""),
    "view of a loop": ("src/base/x.cc", "for (const auto& m : a.b()->view()->members)\n  f(m);\n",
                       "nobody holds"),
    "view that is held": ("src/base/x.cc",
                          "for (const auto& m : seen->members)\n  f(a->view()->id);\n", ""),
    "idle test": ("src/base/x_test.cc", "TEST(a, b) { EXPECT_TRUE(true); }\n", "cannot fail"),
    "switched-off test": ("src/base/x_test.cc", "TEST(a, DISABLED_b) { f(); }\n", "cannot fail"),
    "vague file": ("src/base/string_utils.h", "int x;\n", "'utils'"),
    "vague folder": ("src/common/x.h", "int x;\n", "'common'"),
}


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test(check_text, PLANTED)
    if sys.argv[1:]:
        print(__doc__)
        return 2
    files = project_files(ROOT)
    findings = [finding for path in files for finding in check_file(path)]
    return report(findings, f"tidiness of {len(files)} files")


if __name__ == "__main__":
    sys.exit(main())
