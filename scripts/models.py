#!/usr/bin/env python3
"""Checks the models of the protocols with spin: models/*.pml, see docs/models.md.

Usage: models.py [--full] [--json] [--jobs N] [MODEL...]
       models.py --show NAME
       models.py --self-test

Every model is searched exhaustively and must hold. Then each rule that it names as a `mutant` is
taken away, and spin must refute the claim that stands beside it; and each `probe` must be reached,
for a claim about what never happens says nothing. --show finds a short counterexample of a mutant,
or a short way to a probe, and tells it.

Exit codes: 0 all as it should be; 1 not so; 2 usage, or spin, cpp or a compiler is missing.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"

RUN = re.compile(r"^/\* run( --full)?: ([^*\n]*?) \*/$", re.MULTILINE)
PLANT = re.compile(r"^#define (\w+) \d+ +/\* (mutant|probe)(?:, here)?(?:: ([^*\n]*?))? \*/$",
                   re.MULTILINE)
CLAIM = re.compile(r"^#define claim_(\w+) \d+$", re.MULTILINE)
DEPTH = 4_000_000
# Counterexamples are looked for at most so deep, one after the other, while they take no longer.
SHOW_DEPTHS = (25, 35, 50, 70, 100, 140)
SHOW_SECONDS = 30


@dataclass
class Job:
    """One search."""
    model: str
    kind: str  # model, mutant, probe
    name: str
    claim: str = ""
    rule: str = ""
    options: list[str] = field(default_factory=list)

    def title(self) -> str:
        return " ".join(filter(None, (self.kind, f"{self.model}.{self.name}", self.claim)))

    def defines(self) -> list[str]:
        defines = [f"-D{option}" for option in self.options]
        if self.kind == "mutant":
            defines += [f"-DPLANTED={self.name}", f"-DONLY=claim_{self.claim}"]
        if self.kind == "probe":
            defines.append(f"-DPROBE={self.name}")
        return defines


@dataclass
class Verdict:
    good: bool
    text: str
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    unreached: list[str] = field(default_factory=list)


class Broken(Exception):
    """Spin or the compiler refuses the model."""


def number(pattern: str, output: str) -> int:
    found = re.search(pattern, output)
    return int(float(found.group(1))) if found else 0


def judge(kind: str, output: str) -> Verdict:
    """What pan's output says of a job of this kind."""
    found = re.search(r"^pan:\d+: (.*?) \(at depth \d+\)", output, re.MULTILINE)
    error = found.group(1) if found else ""
    verdict = Verdict(False, "", states=number(r"([\d.e+]+) states, stored", output),
                      transitions=number(r"([\d.e+]+) transitions", output),
                      depth=number(r"depth reached (\d+)", output))
    short = ("max search depth too small" in output or "Search not completed" in output
             or "memory limit" in output or "out of memory" in output or "resource-limit" in output)
    # A claim is `assert(false)`; a probe's condition is spelt out.
    wanted = {"mutant": error == "assertion violated 0",
              "probe": error.startswith("assertion violated ") and error != "assertion violated 0"}
    if kind == "model":
        if error:
            verdict.text = error.replace("assertion violated 0", "a claim is violated")
        elif short or not re.search(r"errors: 0$", output, re.MULTILINE):
            verdict.text = "the search was not completed: depth or memory did not suffice"
        else:
            verdict.good, verdict.text = True, "holds"
    elif wanted[kind]:
        verdict.good, verdict.text = True, "refuted" if kind == "mutant" else "reached"
    elif error:
        verdict.text = f"another error than wanted: {error}"
    elif short:
        verdict.text = "the search was not completed, and found nothing"
    else:
        verdict.text = "survives: no claim fails" if kind == "mutant" else "never reached"
    return verdict


def unreached(output: str, automaton: str) -> list[str]:
    """Statements that no run reaches. What stands in an inline is judged over all its places; the
    ends of processes that run for ever, and what only a mutant or a replay has, do not count."""
    places = Counter(text for _, _, text in set(re.findall(
        r"^\tstate +(\d+) -\(tr +(\d+)\)->.* => (.*)$", automaton, re.MULTILINE)))
    found = re.findall(r"^\t\S+:(\d+), state (\d+), \"(.*)\"$", output, re.MULTILINE)
    idle = Counter(text for _, _, text in set(found))
    return sorted({f"line {line}: {text}" for line, _, text in found
                   if idle[text] >= places[text]
                   and not text.startswith(("-end-", "assert(", "printf(", "else"))})


def command(words: list[str], folder: str, seconds: float | None = None) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=seconds,
                          check=False)
    return done.stdout + done.stderr


def compile_job(job: Job, folder: str, flags: list[str]) -> None:
    said = command(["spin", *job.defines(), "-a", str(MODELS / f"{job.model}.pml")], folder)
    if re.search(r"error", said, re.IGNORECASE) or not (Path(folder) / "pan.c").exists():
        raise Broken(f"{job.title()}: spin refuses it: {said.strip()}")
    said = command(["gcc", "-w", "-DSAFETY", *flags, "-o", "pan", "pan.c"], folder)
    if not (Path(folder) / "pan").exists():
        raise Broken(f"{job.title()}: the compiler refuses it: {said.strip()[:500]}")


def run_job(job: Job, memory: int) -> Verdict:
    begin = time.monotonic()
    flags = {"model": ["-O2"], "mutant": ["-O1"], "probe": ["-O0"]}[job.kind]
    with tempfile.TemporaryDirectory(prefix="hedgerow-models-") as folder:
        compile_job(job, folder, [*flags, f"-DMEMLIM={memory}"])
        output = command(["./pan", f"-m{DEPTH}", "-w24" if job.kind == "model" else "-w20"], folder)
        automaton = command(["./pan", "-d"], folder) if job.kind == "model" else ""
    verdict = judge(job.kind, output)
    verdict.seconds = time.monotonic() - begin
    if job.kind == "model":
        verdict.unreached = unreached(output, automaton)
    return verdict


def jobs_of(model: str, text: str, full: bool) -> list[Job]:
    """What is to be searched: the text of a model says it itself."""
    claims = CLAIM.findall(text)
    jobs = [Job(model, "model", options.replace(" ", ","), options=options.split())
            for larger, options in RUN.findall(text) if full or not larger]
    refutable = set()
    for name, kind, words in PLANT.findall(text):
        rule, _, rest = words.partition(",")
        options = [word for word in (rest if kind == "mutant" else words).split() if "=" in word]
        if kind == "probe":
            jobs.append(Job(model, kind, name, options=options))
            continue
        against = [word for word in rest.split() if "=" not in word]
        if not against or any(claim not in claims for claim in against):
            raise Broken(f"{model}.pml: the mutant {name} must name claims of the model")
        refutable.update(against)
        jobs += [Job(model, kind, name, claim, rule.strip(), options) for claim in against]
    if not any(job.kind == "model" for job in jobs):
        raise Broken(f"{model}.pml says with no `run:` which sizes to check")
    idle = [claim for claim in claims if claim not in refutable]
    if idle:
        raise Broken(f"{model}.pml: no mutant refutes {', '.join(idle)}")
    return jobs


def retell(lines: list[str]):
    """Spin's replay with instants and tokens counted from the beginning, where the model has only
    differences: <n> is n after now, {i} is the token that node i holds."""
    now, tokens = 0, 0
    granted: dict[str, int] = {}
    held: dict[str, int] = {}
    for line in lines:
        line = line.strip()
        if line == "tick":
            now += 1
            continue
        if grant := re.match(r"store: grants to node (\d+)", line):
            tokens += 1
            granted[grant.group(1)] = tokens
            line += f", token {tokens}"
        if holds := re.match(r"node (\d+): holds \{", line):
            held[holds.group(1)] = granted.get(holds.group(1), 0)
        line = re.sub(r"<(-?\d+)>", lambda match: str(now + int(match.group(1))), line)
        line = re.sub(r"\{(\d+)\}", lambda match: f"token {held.get(match.group(1), 0)}", line)
        yield f"{now:4}  {line}"


def show(job: Job, memory: int) -> int:
    with tempfile.TemporaryDirectory(prefix="hedgerow-models-") as folder:
        trail = Path(folder) / f"{job.model}.pml.trail"
        compile_job(job, folder, ["-O2", "-DREACH", f"-DMEMLIM={memory}"])
        for depth in SHOW_DEPTHS:
            try:
                command(["./pan", f"-m{depth}", "-n"], folder, SHOW_SECONDS)
            except subprocess.TimeoutExpired:
                break
            if trail.exists():
                break
        if not trail.exists():
            compile_job(job, folder, ["-O2", f"-DMEMLIM={memory}"])
            command(["./pan", f"-m{DEPTH}", "-n"], folder)
        if not trail.exists():
            print(f"{job.title()}: spin finds nothing to show")
            return 1
        told = command(["spin", *job.defines(), "-t", "-k", trail.name, "-B", "-T",
                        str(MODELS / f"{job.model}.pml")], folder)
    lines = [line for line in told.splitlines() if line and not line.startswith(("spin:", "#"))]
    print(f"{job.title()}\n\ntime")
    for line in retell(lines):
        print(line)
    if job.kind == "probe":
        print("this was to be reached")
    return 0


def summary(done: list[tuple[Job, Verdict]]) -> str:
    def count(kind: str) -> tuple[int, int]:
        names: dict[tuple[str, str], bool] = {}
        for job, verdict in done:
            if job.kind == kind:
                key = (job.model, job.name)
                names[key] = names.get(key, True) and verdict.good
        return sum(names.values()), len(names)
    models = {job.model for job, _ in done}
    states = sum(verdict.states for job, verdict in done if job.kind == "model")
    refuted, mutants = count("mutant")
    reached, probes = count("probe")
    return (f"models {len(models)}, states {states}, refuted mutants {refuted} of {mutants}, "
            f"probes reached {reached} of {probes}")


def as_json(done: list[tuple[Job, Verdict]]) -> str:
    return json.dumps({"searches": [
        {"model": job.model, "kind": job.kind, "name": job.name, "claim": job.claim,
         "rule": job.rule, "good": verdict.good, "outcome": verdict.text, "states": verdict.states,
         "transitions": verdict.transitions, "depth": verdict.depth,
         "seconds": round(verdict.seconds, 2), "unreached": verdict.unreached}
        for job, verdict in done], "summary": summary(done)}, indent=1)


def check(jobs: list[Job], workers: int, memory: int, quiet: bool) -> list[tuple[Job, Verdict]]:
    def work(job: Job) -> Verdict:
        verdict = run_job(job, memory)
        if not quiet:
            print(f"{job.title()}: {verdict.text}; {verdict.states} states, {verdict.transitions} "
                  f"transitions, {verdict.seconds:.1f} s", flush=True)
            for line in verdict.unreached:
                print(f"  never executed: {line}", flush=True)
        return verdict
    # The long ones first, so that no core is idle at the end.
    order = sorted(jobs, key=lambda job: ("model", "mutant", "probe").index(job.kind))
    with ThreadPoolExecutor(workers) as pool:
        return list(zip(order, pool.map(work, order)))


SEARCHED = "\nState-vector 68 byte, depth reached 9, errors: {}\n 7 states, stored\n"
PLANTED_OUTPUTS = {
    "complete": ("model", SEARCHED.format(0), True),
    "violated": ("model", "pan:1: assertion violated 0 (at depth 9)" + SEARCHED.format(1), False),
    "deadlock": ("model", "pan:1: invalid end state (at depth 9)" + SEARCHED.format(1), False),
    "cut by depth": ("model", "error: max search depth too small" + SEARCHED.format(0), False),
    "cut by memory": ("model", "pan: reached -DMEMLIM bound\nWarning: Search not completed"
                      + SEARCHED.format(0), False),
    "crashed": ("model", "Segmentation fault", False),
    "refuted": ("mutant", "pan:1: assertion violated 0 (at depth 9)\nWarning: Search not completed"
                + SEARCHED.format(1), True),
    "survives": ("mutant", SEARCHED.format(0), False),
    "dies of depth": ("mutant", "error: max search depth too small" + SEARCHED.format(1), False),
    "dies of a deadlock": ("mutant", "pan:1: invalid end state (at depth 9)" + SEARCHED.format(1),
                           False),
    "reached": ("probe", "pan:1: assertion violated ((1!=1)||!((a))) (at depth 9)"
                + SEARCHED.format(1), True),
    "not reached": ("probe", SEARCHED.format(0), False),
    "a claim instead": ("probe", "pan:1: assertion violated 0 (at depth 9)" + SEARCHED.format(1),
                        False),
}
PLANTED_MODELS = {
    "fine": ("#define claim_a 1\n#define m 1  /* mutant: R1, a W=0 */\n/* run: W=1 */\n", 2),
    "a mutant of no claim": ("#define claim_a 1\n#define m 1  /* mutant: R1, b */\n"
                             "/* run: W=1 */\n", 0),
    "a claim without a mutant": ("#define claim_a 1\n/* run: W=1 */\n", 0),
    "no sizes": ("#define claim_a 1\n#define m 1  /* mutant: R1, a */\n", 0),
}


def self_test() -> int:
    failures = [name for name, (kind, output, good) in PLANTED_OUTPUTS.items()
                if judge(kind, output).good != good]
    for name, (text, count) in PLANTED_MODELS.items():
        try:
            found = len(jobs_of("planted", text, False))
        except Broken:
            found = 0
        if found != count:
            failures.append(name)
    told = list(retell(["tick", "store: grants to node 1 until <3>", "node 1: holds {1}"]))
    if told != ["   1  store: grants to node 1 until 4, token 1", "   1  node 1: holds token 1"]:
        failures.append("retell")
    for name in failures:
        print(f"self-test {name}: not as expected")
    cases = len(PLANTED_OUTPUTS) + len(PLANTED_MODELS) + 1
    print(f"self-test: {cases - len(failures)} of {cases} cases as expected")
    return 1 if failures else 0


def arguments() -> argparse.Namespace:
    known = sorted(path.stem for path in MODELS.glob("*.pml"))
    parser = argparse.ArgumentParser(description="Checks the models of the protocols with spin.")
    parser.add_argument("model", nargs="*", metavar="MODEL",
                        help=f"only these ({', '.join(known)}; default: all)")
    parser.add_argument("--full", action="store_true", help="also the larger sizes, for minutes")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N",
                        help="searches at once (default: one for each core)")
    parser.add_argument("--memory", type=int, metavar="MB",
                        help="limit of each search (default: 4000, with --full 12000)")
    parser.add_argument("--show", metavar="NAME",
                        help="tell how a mutant is refuted or a probe is reached")
    parser.add_argument("--self-test", action="store_true", help="check this script")
    wishes = parser.parse_args()
    for name in wishes.model:
        if name not in known:
            parser.error(f"no model {name}; there are {', '.join(known)}")
    if wishes.jobs < 1 or (wishes.memory is not None and wishes.memory < 100):
        parser.error("--jobs takes at least 1, --memory at least 100")
    wishes.model = wishes.model or known
    wishes.memory = wishes.memory or (12000 if wishes.full else 4000)
    return wishes


def main() -> int:
    wishes = arguments()
    if wishes.self_test:
        return self_test()
    for tool in ("spin", "cpp", "gcc"):
        if shutil.which(tool) is None:
            print(f"models.py: no {tool}; `./dev models` installs it", file=sys.stderr)
            return 2
    try:
        jobs = [job for model in wishes.model
                for job in jobs_of(model, (MODELS / f"{model}.pml").read_text(), wishes.full)]
        if wishes.show:
            wanted = [job for job in jobs if wishes.show in (job.name, f"{job.model}.{job.name}")
                      and job.kind != "model"]
            if not wanted:
                print(f"models.py: no mutant or probe {wishes.show}; docs/models.md lists them",
                      file=sys.stderr)
                return 2
            return max(show(job, wishes.memory) for job in wanted)
        done = check(jobs, wishes.jobs, wishes.memory, wishes.json)
    except Broken as error:
        print(f"models.py: {error}", file=sys.stderr)
        return 1
    print(as_json(done) if wishes.json else summary(done))
    return 0 if all(verdict.good for _, verdict in done) else 1


if __name__ == "__main__":
    sys.exit(main())
