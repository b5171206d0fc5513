"""Messages: what was answered is true, and nothing was executed twice."""

from checks.acts import Acts
from checks.verdict import Verdict, ms
from history import GRAIN_US, History, Life, Place, Record


class Answer:
    __slots__ = ("t", "outcome", "by", "place")

    def __init__(self, t: int, outcome: str, by: str, place: Place):
        self.t = t
        self.outcome = outcome
        self.by = by
        self.place = place


class Execution:
    __slots__ = ("life", "token", "a", "b", "place")

    def __init__(self, life: Life, token: int, a: int, b: int, place: Place):
        self.life = life
        self.token = token
        self.a = a
        self.b = b
        self.place = place


class Call:
    """What is known of one id; its lines come in any order, from any file."""

    __slots__ = ("life", "broadcast", "t", "place", "answers", "executions", "done")

    def __init__(self) -> None:
        self.life: Life | None = None
        self.broadcast = False
        self.t = 0
        self.place = 0
        self.answers: list[Answer] = []
        self.executions: list[Execution] = []
        self.done: list[Place] = []


class Calls:
    NAME = "calls"

    def __init__(self, acts: Acts) -> None:
        self.acts = acts
        self.calls: dict[str, Call] = {}
        self.again: list[tuple[str, Place, Place]] = []  # two calls of one id

    def handlers(self):
        return {"call": self.on_call, "answer": self.on_answer, "done": self.on_done,
                "executed": self.on_executed}

    def of(self, name: str) -> Call:
        call = self.calls.get(name)
        if call is None:
            call = self.calls[name] = Call()
        return call

    def on_call(self, life: Life, record: Record, place: Place) -> None:
        call = self.of(record["id"])
        if call.life is not None:
            self.again.append((record["id"], call.place, place))
        call.life, call.t, call.place = life, record["t"], place
        call.broadcast = record["kind"] == "broadcast"

    def on_answer(self, life: Life, record: Record, place: Place) -> None:
        self.of(record["id"]).answers.append(
            Answer(record["t"], record["outcome"], record.get("by") or "", place))

    def on_done(self, life: Life, record: Record, place: Place) -> None:
        self.of(record["id"]).done.append(place)

    def on_executed(self, life: Life, record: Record, place: Place) -> None:
        self.of(record["id"]).executions.append(
            Execution(life, record["token"], record["a"], record["b"], place))
        if record["token"] != 0:
            self.acts.owned(record["token"], life, record["a"], place)

    def finish(self, history: History, verdict: Verdict) -> None:
        judged = dict.fromkeys(("sends", "broadcasts", "replied", "not_executed", "unknown",
                                "handler_failed", "executions"), 0)
        for name, one, other in self.again:
            verdict.violated("calls.id_twice", f"two calls have the id {name}", one, other)
        for name, call in self.calls.items():
            judged["executions"] += len(call.executions)
            if call.life is None:
                self.check_nobodys(name, call, verdict)
                continue
            judged["broadcasts" if call.broadcast else "sends"] += 1
            for answer in call.answers:
                judged[answer.outcome] += 1
            self.check_begin(name, call, verdict)
            if call.broadcast:
                self.check_broadcast(history, name, call, verdict)
            else:
                self.check_send(history, name, call, verdict)
        verdict.judged.update(judged)

    def check_nobodys(self, name: str, call: Call, verdict: Verdict) -> None:
        """The line of a call is written before the call."""
        places = [*(e.place for e in call.executions), *(a.place for a in call.answers), *call.done]
        verdict.violated("calls.of_nobody", f"{name} was executed or answered, and nobody called",
                         *places)

    def check_begin(self, name: str, call: Call, verdict: Verdict) -> None:
        for execution in call.executions:
            if execution.b < call.t:
                verdict.violated("calls.before_call", f"{name} was executed before it was called",
                                 call.place, execution.place)

    def check_send(self, history: History, name: str, call: Call, verdict: Verdict) -> None:
        executions = call.executions
        if len(executions) > 1:
            verdict.violated("calls.executed_twice", f"{name} was executed {len(executions)} times",
                             call.place, *(e.place for e in executions))
        if len(call.answers) > 1 or len(call.answers) == 0 and not call.life.killed:
            verdict.violated("calls.outcomes", f"{name} has {len(call.answers)} outcomes",
                             call.place, *(a.place for a in call.answers))
        for answer in call.answers:
            self.check_answer(history, name, answer, executions, verdict)
        for execution in executions:
            self.check_token(name, execution, verdict)

    def check_answer(self, history: History, name: str, answer: Answer,
                     executions: list[Execution], verdict: Verdict) -> None:
        """Against the executions by whoever answered."""
        places = (answer.place, *(e.place for e in executions))
        if answer.outcome == "not_executed" and executions:
            verdict.violated("calls.not_executed", f"{name} is said to be not executed, and was",
                             *places)
        if answer.outcome not in ("replied", "handler_failed"):
            return
        if not executions:
            verdict.violated("calls.replied", f"{name} is said to be {answer.outcome}, and nobody "
                             "executed it", *places)
            return
        if min(e.b for e in executions) > answer.t:
            verdict.violated("calls.replied", f"{name} was replied before it was executed", *places)
        by = history.member(answer.by) if answer.by else None
        if by is not None and all(e.life is not by for e in executions):
            verdict.violated("calls.replied", f"{name} was replied by {answer.by}, which did not "
                             "execute it", *places)

    def check_token(self, name: str, execution: Execution, verdict: Verdict) -> None:
        """The lease is looked at right before the handler; what a pause does between the two is
        not promised, and one that fits between two pulses can't be seen."""
        if execution.token == 0:
            verdict.violated("calls.without_token", f"{name} was executed without a token",
                             execution.place)
            return
        acted = self.acts.successor(execution.token)
        if acted is None or execution.a <= acted.t:
            return
        late = execution.a - acted.t
        if late > GRAIN_US and execution.life.ran(acted.t, execution.a):
            verdict.violated("calls.late_execution", f"{name} was executed under token "
                             f"{execution.token} {ms(late)} after {acted.life.name} had acted "
                             "under a greater one, and the process was not paused",
                             acted.place, execution.place)
        verdict.measured["late_executions"] = verdict.measured.get("late_executions", 0) + 1

    def check_broadcast(self, history: History, name: str, call: Call, verdict: Verdict) -> None:
        by_life: dict[int, list[Execution]] = {}
        for execution in call.executions:
            by_life.setdefault(execution.life.number, []).append(execution)
        for executions in by_life.values():
            if len(executions) > 1:
                verdict.violated("calls.executed_twice", f"{name} was executed {len(executions)} "
                                 f"times by {executions[0].life.name}", call.place,
                                 *(e.place for e in executions))
        if len(call.done) > 1 or not call.done and not call.life.killed:
            verdict.violated("calls.outcomes", f"{name} ended {len(call.done)} times",
                             call.place, *call.done)
        answered: dict[str, Answer] = {}
        for answer in call.answers:
            # The answers come on one thread, and then the end.
            if call.done and answer.place > call.done[0]:
                verdict.violated("calls.outcomes", f"{name} was answered after its end",
                                 call.done[0], answer.place)
            if not answer.by:
                continue
            if answer.by in answered:
                verdict.violated("calls.outcomes", f"{name} has two outcomes at {answer.by}",
                                 answered[answer.by].place, answer.place)
            answered[answer.by] = answer
            life = history.member(answer.by)
            # A member that never wrote that it had joined can have written nothing else.
            executions = by_life.get(life.number, []) if life is not None else []
            self.check_answer(history, name, answer, executions, verdict)
