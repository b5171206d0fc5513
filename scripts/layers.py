#!/usr/bin/env python3
"""Checks which layer includes what, and that the pure layers stay pure.

Usage: layers.py [--self-test]

Prints `file:line: what; what to do instead` for each violation and exits with 1 if there are any.
ARCHITECTURE.md gives the reasons for the rules.
"""

import re
import sys
from pathlib import Path

from sources import Finding, blank, is_code, is_test, line_of, project_files, report, self_test

ROOT = Path(__file__).resolve().parent.parent

# Folder of a layer -> layers that it may include besides itself and the public headers.
BELOW_CORE = {"src/base", "src/model", "src/ports"}
CORES = {"src/core/lease", "src/core/membership", "src/core/messaging"}
DRIVERS = {"src/clock", "src/store", "src/store/sqlite", "src/store/postgres", "src/net"}
EDGES = {
    "include/hedgerow": set(),
    "src/base": set(),
    "src/model": {"src/base"},
    "src/ports": {"src/base", "src/model"},
    "src/wire": BELOW_CORE,
    "src/core/lease": BELOW_CORE,
    "src/core/membership": BELOW_CORE,
    "src/core/messaging": BELOW_CORE,
    "src/clock": BELOW_CORE,
    "src/store": BELOW_CORE,
    "src/store/sqlite": BELOW_CORE | {"src/store"},
    "src/store/postgres": BELOW_CORE | {"src/store"},
    "src/net": BELOW_CORE | {"src/wire"},
    "src/node/engine": BELOW_CORE | CORES | {"src/wire"},
    "src/node": BELOW_CORE | CORES | DRIVERS | {"src/wire", "src/node/engine"},
    "tools": set(),
    "examples": set(),
    "chaos": set(),
    "sim": BELOW_CORE | CORES | {"src/node/engine"},
    "bench": BELOW_CORE | CORES | DRIVERS | {"src/wire", "src/node/engine", "src/node"},
    # To speak the protocol badly; the fake ClockBound daemon that its own tests use.
    "tests": BELOW_CORE | {"src/wire", "src/clock"},
    "tests/store": BELOW_CORE | {"src/store", "src/store/sqlite", "src/store/postgres", "tests"},
    # The lease core over the real store; whole nodes by the public API.
    "tests/databases": BELOW_CORE | {"src/core/lease", "src/store", "src/store/postgres", "tests"},
    "fuzz": BELOW_CORE | CORES | DRIVERS | {"src/wire"},
}

# Libraries by the first part of the include -> layers that may include it. A layer marked with
# ".cc" may do so in its sources only, never in a header.
EVERY_SOURCE = {folder + " .cc" for folder in EDGES if folder.startswith("src/")}
# What the tests of every layer may include besides.
SHARED_BY_TESTS = "tests/postgres"
TEST_LIBRARIES = {"gtest", "libpq-fe.h"}
PROGRAMS = {"tools", "examples", "chaos", "sim", "bench", "tests", "fuzz"}
LIBRARIES = {
    "tl": set(EDGES),
    "fmt": EVERY_SOURCE | PROGRAMS | {"tests/databases"},
    "spdlog": {"src/node", "tools", "examples", "bench"},
    "boost": {"bench"},
    "openssl": {"src/net", "bench"},
    "google": {"src/wire"},
    "grpcpp": {"bench"},
    "sqlite3.h": {"src/store/sqlite", "bench", "tests"},
    "libpq-fe.h": {"src/store/postgres", "bench", "chaos", "tests"},
    "nlohmann": {"src/store"} | PROGRAMS,
    "CLI": PROGRAMS,
    "benchmark": {"bench"},
    "gtest": {"tests", "tests/store", "tests/databases"},  # and in the tests of every layer
}

# Same inputs, same outputs: what breaks that promise is banned here, tests excepted.
# The program around the simulator: its command line, its clock for the summary, its workers.
NOT_PURE = {"sim/main.cc", "sim/workers.cc"}
PURE = BELOW_CORE | CORES | {"src/wire", "src/node/engine", "sim"}
PURE_NOT_INCLUDED = {
    "thread": "the node's loop is the only thread; ask a port",
    "mutex": "one thread owns all state: there is nothing to lock",
    "shared_mutex": "one thread owns all state: there is nothing to lock",
    "condition_variable": "nothing waits here: take an event, return an effect",
    "future": "answers come back as events",
    "stop_token": "answers come back as events",
    "random": "use the seeded generator of base/random.h",
    "ctime": "take the time as an argument or from ports/clock.h",
    "time.h": "take the time as an argument or from ports/clock.h",
    "sys/time.h": "take the time as an argument or from ports/clock.h",
    "sys/socket.h": "use ports/transport.h",
    "netinet/in.h": "use ports/transport.h",
    "arpa/inet.h": "use ports/transport.h",
    "netdb.h": "use ports/transport.h",
    "unistd.h": "a pure layer asks a port to touch the system",
    "fstream": "a pure layer asks a port to touch the system",
    "filesystem": "a pure layer asks a port to touch the system",
}
PURE_NOT_CALLED = [
    (r"\b\w+_clock\s*::\s*now\b", "take the time as an argument or from ports/clock.h"),
    (r"\b(?:clock_gettime|gettimeofday|timespec_get)\s*\(", "use ports/clock.h"),
    (r"(?<![\w.>:])(?:std\s*::|::)?time\s*\(\s*(?:0|NULL|nullptr|&\s*\w+)\s*\)",
     "use ports/clock.h"),
    (r"\b(?:secure_)?getenv\b", "settings arrive as options"),
    (r"\bstd\s*::\s*(?:this_thread|j?thread|mutex|condition_variable|async)\b",
     "the node's loop is the only thread; ask a port"),
    (r"\bstd\s*::\s*(?:random_device|mt19937(?:_64)?|default_random_engine|shuffle)\b|"
     r"(?<![\w.>:])(?:std\s*::\s*)?s?rand\s*\(", "use the seeded generator of base/random.h"),
    (r"\bstd\s*::\s*\w+_distribution\b",
     "its results differ between libraries: use base/random.h"),
    (r"\bstd\s*::\s*hash\s*<", "its values differ between libraries: hash with our own function"),
    (r"(?<![\w.>])::\s*(?:socket|connect|bind|listen|accept|send|recv|open|read|write|close)\s*\(",
     "use a port"),
    (r"(?<![\w.>:])socket\s*\(\s*[AP]F_", "use ports/transport.h"),
]

# gcc 12 lacks or breaks these.
NEVER_INCLUDED = {
    "coroutine": "gcc 12 miscompiles coroutines: use callbacks or events",
    "experimental/coroutine": "gcc 12 miscompiles coroutines: use callbacks or events",
    "format": "gcc 12 has none: use fmt",
    "print": "gcc 12 has none: use fmt",
    "expected": "empty in C++20: use hedgerow::result",
    "hash_map": "use std::unordered_map",
}
NEVER_CALLED = [
    (r"\bco_(?:await|return|yield)\b", "gcc 12 miscompiles coroutines: use callbacks or events"),
    (r"\bstd\s*::\s*(?:v?format|print(?:ln)?)\s*\(", "gcc 12 has none: use fmt"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")', re.MULTILINE)
UNORDERED = re.compile(r"\bunordered_(?:flat_|node_|multi)?(?:map|set)\s*<")


def layer_of(path: Path) -> str | None:
    """The longest folder of EDGES that holds the path."""
    return next((str(p) for p in path.parents if str(p) in EDGES), None)


def target_of(path: Path, name: str) -> Path | None:
    """The project file that an include in `path` means; None for a header from outside."""
    if name.startswith("<hedgerow/"):
        return Path("include") / name[1:-1]
    if name.startswith("<"):
        return None
    name = name[1:-1]
    first = name.split("/")[0]
    if "/" not in name:
        return path.parent / name
    if first in EDGES:  # tools, sim, bench, ... are included from the root
        return Path(name)
    return Path("src") / name


def check_project_include(path: Path, line: int, layer: str, name: str, target: Path):
    other = layer_of(target)
    if is_test(path) and target.is_relative_to(SHARED_BY_TESTS):
        return
    if other is None:
        yield Finding(path, line, f"{name} is in no layer",
                      "write the path as seen from src/ (or from the root for sim/, tools/, ...)")
    elif other != layer and other != "include/hedgerow" and other not in EDGES[layer]:
        allowed = ", ".join(sorted(EDGES[layer])) or "only public headers"
        if {layer, other} <= CORES:
            allowed += "; cores meet in src/node/engine"
        yield Finding(path, line, f"{layer} includes {other}", f"it may include: {allowed}")


def check_outside_include(path: Path, line: int, layer: str, name: str):
    name = name[1:-1]
    library = name.split("/")[0]
    test = is_test(path)
    if name in NEVER_INCLUDED:
        yield Finding(path, line, f"includes <{name}>", NEVER_INCLUDED[name])
    elif layer in PURE and str(path) not in NOT_PURE and not test and name in PURE_NOT_INCLUDED:
        yield Finding(path, line, f"{layer} includes <{name}>", PURE_NOT_INCLUDED[name])
    elif library in LIBRARIES:
        allowed = LIBRARIES[library]
        source = path.suffix == ".cc" and f"{layer} .cc" in allowed
        if layer not in allowed and not source and not (test and library in TEST_LIBRARIES):
            places = ", ".join(sorted(allowed)) or "tests"
            yield Finding(path, line, f"{layer} includes <{name}>", f"allowed in: {places}")


def declared_unordered(code: str) -> set[str]:
    """Names of variables whose type is an unordered container."""
    names = set()
    for match in UNORDERED.finditer(code):
        depth, at = 1, match.end()
        while depth and at < len(code):
            depth += {"<": 1, ">": -1}.get(code[at], 0)
            at += 1
        name = re.match(r"\s*&?\s*(\w+)\s*[;={,)]", code[at:])
        if name:
            names.add(name.group(1))
    return names


def check_iteration(path: Path, code: str, header: str):
    for name in declared_unordered(code) | declared_unordered(header):
        loop = rf"\bfor\s*\([^;)]*:\s*(?:this->)?{name}\s*\)|\b{name}\s*\.\s*c?begin\s*\("
        for match in re.finditer(loop, code):
            yield Finding(path, line_of(code, match.start()), f"iterates over unordered {name}",
                          "its order differs between runs: use std::map, std::set or a vector")


def check_text(path: Path, text: str, header: str = ""):
    """Every violation in one file; `header` is the blanked text of the source's own header."""
    layer = layer_of(path)
    code = blank(text)
    if layer is None:
        yield Finding(path, 1, "belongs to no layer", "add its folder to EDGES in layers.py")
        return
    for match in INCLUDE.finditer(code):
        line, name = line_of(code, match.start(1)), match.group(1)
        target = target_of(path, name)
        if target is None:
            yield from check_outside_include(path, line, layer, name)
        else:
            yield from check_project_include(path, line, layer, name, target)
    pure = layer in PURE and str(path) not in NOT_PURE and not is_test(path)
    for pattern, instead in NEVER_CALLED + (PURE_NOT_CALLED if pure else []):
        for match in re.finditer(pattern, code):
            what = re.sub(r"\s+", "", match.group(0)).rstrip("(")
            yield Finding(path, line_of(code, match.start()), f"{layer} uses {what}", instead)
    if pure:
        yield from check_iteration(path, code, header)
    if path.suffix == ".h" and not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield Finding(path, 1, "header without #pragma once", "add it as the first line")


def check_file(path: Path):
    own_header = (ROOT / path).with_suffix(".h")
    header = ""
    if path.suffix == ".cc" and own_header.exists():
        header = blank(own_header.read_text())
    yield from check_text(path, (ROOT / path).read_text(), header)


PLANTED = {
    "upward edge": ("src/model/x.cc", '#include "core/lease/lease.h"\n',
                    "src/model includes src/core/lease"),
    "core to core": ("src/core/lease/x.cc", '#include "core/membership/rings.h"\n',
                     "src/core/lease includes src/core/membership"),
    "driver to driver": ("src/store/x.cc", '#include "net/transport.h"\n',
                         "src/store includes src/net"),
    "driver in the engine": ("src/node/engine/x.cc", '#include "store/lanes.h"\n',
                             "src/node/engine includes src/store"),
    "driver in the facade": ("src/node/x.cc", '#include "store/lanes.h"\n', ""),
    "driver in the simulator": ("sim/x.cc", '#include "clock/machine_clock.h"\n',
                                "sim includes src/clock"),
    "inside from a tool": ("tools/x.cc", '#include "model/time.h"\n', "tools includes src/model"),
    "public from a tool": ("tools/x.cc", "#include <hedgerow/node.h>\n", ""),
    "public to inside": ("include/hedgerow/x.h", '#pragma once\n#include "model/time.h"\n',
                         "include/hedgerow includes src/model"),
    "own header": ("src/core/lease/x.cc", '#include "core/lease/x.h"\n#include "base/assert.h"\n',
                   ""),
    "relative include": ("src/core/lease/x.cc", '#include "nowhere/x.h"\n', "in no layer"),
    "no layer": ("src/stray/x.cc", "int x;\n", "belongs to no layer"),
    "boost in the library": ("src/net/x.cc", "#include <boost/asio/post.hpp>\n", "<boost/asio"),
    "boost in a benchmark": ("bench/x.cc", "#include <boost/asio/post.hpp>\n", ""),
    "sqlite in the engine": ("src/node/engine/x.cc", "#include <sqlite3.h>\n", "<sqlite3.h>"),
    "protobuf outside wire": ("src/net/x.cc", "#include <google/protobuf/message_lite.h>\n",
                              "<google/protobuf"),
    "fmt in a header": ("src/base/x.h", "#pragma once\n#include <fmt/core.h>\n", "<fmt/core.h>"),
    "fmt in a source": ("src/base/x.cc", "#include <fmt/core.h>\n", ""),
    "gtest in a source": ("src/base/x.cc", "#include <gtest/gtest.h>\n", "<gtest/gtest.h>"),
    "gtest in a test": ("src/base/x_test.cc", "#include <gtest/gtest.h>\n", ""),
    "gtest shared by tests": ("src/base/test_x.h", "#pragma once\n#include <gtest/gtest.h>\n", ""),
    "database in a test": ("src/net/x_test.cc", "#include <libpq-fe.h>\n", ""),
    "database in a source": ("src/net/x.cc", "#include <libpq-fe.h>\n", "<libpq-fe.h>"),
    "server in a test": ("src/store/x_test.cc", '#include "tests/postgres/server.h"\n', ""),
    "server shared by tests": ("src/store/test_x.h",
                               '#pragma once\n#include "tests/postgres/server.h"\n', ""),
    "server in a source": ("src/store/x.cc", '#include "tests/postgres/server.h"\n',
                           "src/store includes tests"),
    "other tests in a test": ("src/store/x_test.cc", '#include "tests/system/harness/wait.h"\n',
                              "src/store includes tests"),
    "thread in a core": ("src/core/lease/x.cc", "#include <thread>\n", "<thread>"),
    "thread in a driver": ("src/net/x.cc", "#include <thread>\n", ""),
    "wall clock": ("src/model/x.cc", "auto t = std::chrono::system_clock::now();\n",
                   "system_clock::now"),
    "time()": ("sim/x.cc", "auto t = std::time(nullptr);\n", "std::time(nullptr)"),
    "a member named time": ("sim/x.cc", "auto t = world.time(0) + clock_.time(&a);\n", ""),
    "getenv": ("src/wire/x.cc", 'auto* t = std::getenv("A");\n', "getenv"),
    "environment in a driver": ("src/store/x.cc", 'auto* t = std::getenv("A");\n', ""),
    "library random": ("sim/x.cc", "std::mt19937 r{1};\n", "mt19937"),
    "distribution": ("sim/x.cc", "std::uniform_int_distribution<int> d;\n",
                     "std::uniform_int_distribution"),
    "hash": ("src/core/membership/x.cc", "auto h = std::hash<int>{}(1);\n", "std::hash"),
    "socket": ("src/node/engine/x.cc", "int s = ::socket(AF_INET, SOCK_STREAM, 0);\n", "socket"),
    "unordered iteration": ("src/core/membership/x.cc",
                            "std::unordered_map<int, std::map<int, int>> peers_;\n"
                            "void f() { for (auto& p : peers_) g(p); }\n", "unordered peers_"),
    "unordered lookup": ("src/core/membership/x.cc",
                         "std::unordered_map<int, int> peers_;\nbool b = peers_.count(1);\n", ""),
    "ordered iteration": ("src/core/membership/x.cc",
                          "std::map<int, int> peers_;\nvoid f() { for (auto& p : peers_) g(p); }\n",
                          ""),
    "coroutine": ("src/net/x.cc", "co_return;\n", "co_return"),
    "std::format": ("tools/x.cc", 'auto s = std::format("{}", 1);\n', "std::format"),
    "in a comment": ("src/base/x.cc", "// std::mt19937, and <thread>\n/* co_await */\n", ""),
    "in a string": ("src/base/x.cc", 'auto s = "std::mt19937"; auto n = 1\'000\'000;\n', ""),
    "after a digit separator": ("src/base/x.cc", "auto n = 1'000; std::mt19937 r; auto c = 'x';\n",
                                "mt19937"),
    "no pragma once": ("src/base/x.h", "int f();\n", "#pragma once"),
}


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test(check_text, PLANTED)
    if sys.argv[1:]:
        print(__doc__)
        return 2
    files = [path for path in project_files(ROOT) if is_code(path)]
    findings = [finding for path in files for finding in check_file(path)]
    return report(findings, f"layers of {len(files)} files")


if __name__ == "__main__":
    sys.exit(main())
