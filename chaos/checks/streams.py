"""Streams: in order, once, at one acceptor; what is acknowledged was consumed."""

from array import array

from checks.acts import Acts
from checks.verdict import Verdict, ms
from history import GRAIN_US, History, Life, Place, Record

# With these, docs say, the other side never took the stream.
NEVER_TAKEN = ("no leader known", "not executed")
CONNECTION_LOST = "outcome unknown"


class Acceptor:
    """What one life got of one stream."""

    __slots__ = ("life", "times", "token", "first", "last", "latest", "disorder", "tokens")

    def __init__(self, life: Life, token: int, place: Place):
        self.life = life
        self.times = array("q")  # of the messages 1, 2, 3 ...
        self.token = token
        self.first = place
        self.last = place
        self.latest = 0
        self.disorder: tuple[int, Place] | None = None  # what came instead of the next
        self.tokens: Place | None = None  # where another token was


class Stream:
    __slots__ = ("life", "leader", "to", "place", "sent", "acked", "acceptors", "opener_ends",
                 "acceptor_ends")

    def __init__(self) -> None:
        self.life: Life | None = None
        self.leader = False
        self.to = ""
        self.place = 0
        self.sent = 0
        self.acked: list[tuple[int, int, Place]] = []  # how many, when
        self.acceptors: dict[int, Acceptor] = {}  # by life
        self.opener_ends: list[tuple[str, Place]] = []
        self.acceptor_ends: dict[int, list[tuple[str, Place]]] = {}


class Streams:
    NAME = "streams"

    def __init__(self, acts: Acts) -> None:
        self.acts = acts
        self.streams: dict[str, Stream] = {}
        self.again: list[tuple[str, Place, Place]] = []

    def handlers(self):
        return {"stream": self.on_stream, "sent": self.on_sent, "acked": self.on_acked,
                "got": self.on_got, "ended": self.on_ended}

    def of(self, name: str) -> Stream:
        stream = self.streams.get(name)
        if stream is None:
            stream = self.streams[name] = Stream()
        return stream

    def on_stream(self, life: Life, record: Record, place: Place) -> None:
        stream = self.of(record["id"])
        if stream.life is not None:
            self.again.append((record["id"], stream.place, place))
        stream.life, stream.place, stream.to = life, place, record["to"]
        stream.leader = record["kind"] == "leader"

    def on_sent(self, life: Life, record: Record, place: Place) -> None:
        stream = self.of(record["id"])
        stream.sent = max(stream.sent, record["n"])

    def on_acked(self, life: Life, record: Record, place: Place) -> None:
        self.of(record["id"]).acked.append((record["n"], record["t"], place))

    def on_got(self, life: Life, record: Record, place: Place) -> None:
        acceptors = self.of(record["id"]).acceptors
        acceptor = acceptors.get(life.number)
        if acceptor is None:
            acceptor = acceptors[life.number] = Acceptor(life, record["token"], place)
        if record["n"] != len(acceptor.times) + 1 and acceptor.disorder is None:
            acceptor.disorder = record["n"], place
        if record["token"] != acceptor.token and acceptor.tokens is None:
            acceptor.tokens = place
        acceptor.times.append(record["t"])
        acceptor.last, acceptor.latest = place, max(acceptor.latest, record["t"])

    def on_ended(self, life: Life, record: Record, place: Place) -> None:
        stream = self.of(record["id"])
        end = record["outcome"], place
        if record["side"] == "opener":
            stream.opener_ends.append(end)
        else:
            stream.acceptor_ends.setdefault(life.number, []).append(end)

    def finish(self, history: History, verdict: Verdict) -> None:
        judged = dict.fromkeys(("streams", "streams_good", "stream_messages", "stream_acked"), 0)
        for name, one, other in self.again:
            verdict.violated("streams.id_twice", f"two streams have the id {name}", one, other)
        for name, stream in self.streams.items():
            if stream.life is None:
                self.check_nobodys(history, name, stream, verdict)
                continue
            judged["streams"] += 1
            judged["streams_good"] += any(outcome == "good" for outcome, _ in stream.opener_ends)
            judged["stream_messages"] += sum(len(a.times) for a in stream.acceptors.values())
            judged["stream_acked"] += max((n for n, _, _ in stream.acked), default=0)
            self.check_acceptors(name, stream, verdict)
            self.check_acknowledged(name, stream, verdict)
            self.check_ends(history, name, stream, verdict)
            self.check_outcomes(name, stream, verdict)
        verdict.judged.update(judged)

    def check_nobodys(self, history: History, name: str, stream: Stream, verdict: Verdict) -> None:
        """Ids begin with the life. One that was killed may have opened it before it wrote so."""
        if any(life.killed and name.startswith(f"{life.name}-") for life in history.lives):
            return
        verdict.violated("streams.of_nobody", f"nobody opened {name}",
                         *(acceptor.first for acceptor in stream.acceptors.values()),
                         *(place for ends in stream.acceptor_ends.values() for _, place in ends))

    def check_acceptors(self, name: str, stream: Stream, verdict: Verdict) -> None:
        acceptors = list(stream.acceptors.values())
        if len(acceptors) > 1:
            names = ", ".join(acceptor.life.name for acceptor in acceptors)
            verdict.violated("streams.two_acceptors", f"{name} was taken by {names}", stream.place,
                             *(acceptor.first for acceptor in acceptors))
        # A message may have left whose line its killed sender did not write any more.
        unwritten = 1 if stream.life.killed else 0
        for acceptor in acceptors:
            if acceptor.disorder is not None:
                n, place = acceptor.disorder
                verdict.violated("streams.order", f"{acceptor.life.name} got message {n} of {name} "
                                 "twice, too early or too late", acceptor.first, place)
            elif len(acceptor.times) > stream.sent + unwritten:
                verdict.violated("streams.invented", f"{acceptor.life.name} got "
                                 f"{len(acceptor.times)} messages of {name}, of which "
                                 f"{stream.sent} were sent", stream.place, acceptor.last)
            if acceptor.tokens is not None:
                verdict.violated("streams.two_tokens", f"{acceptor.life.name} got {name} under two "
                                 "tokens", acceptor.first, acceptor.tokens)
            if stream.leader:
                self.check_token(name, acceptor, verdict)

    def check_token(self, name: str, acceptor: Acceptor, verdict: Verdict) -> None:
        owner = self.acts.owner(acceptor.token)
        if owner is not None and owner is not acceptor.life:
            verdict.violated("streams.token_of_another", f"{acceptor.life.name} got {name} under "
                             f"token {acceptor.token}, which is that of {owner.name}",
                             acceptor.first, self.acts.owners[acceptor.token][owner.number].place)
        acted = self.acts.successor(acceptor.token)
        if acted is None or acceptor.latest <= acted.t:
            return
        late = acceptor.latest - acted.t
        if late > GRAIN_US and acceptor.life.ran(acted.t, acceptor.latest):
            verdict.violated("streams.late_message", f"{acceptor.life.name} got a message of "
                             f"{name} under token {acceptor.token} {ms(late)} after "
                             f"{acted.life.name} had acted under a greater one, and was not paused",
                             acted.place, acceptor.last)

    def check_acknowledged(self, name: str, stream: Stream, verdict: Verdict) -> None:
        if not stream.acked:
            return
        # Two acceptors are a violation already; here the one that got the most counts.
        got = max(stream.acceptors.values(), key=lambda a: len(a.times), default=None)
        before = 0
        for n, t, place in stream.acked:
            if n < before:
                verdict.violated("streams.acked_back", f"of {name} {before} messages were "
                                 f"acknowledged, then {n}", place)
            before = max(before, n)
            if n == 0:
                continue
            if got is None or len(got.times) < n:
                verdict.violated("streams.acked", f"of {name} {n} messages were acknowledged, and "
                                 f"{len(got.times) if got else 0} consumed", place,
                                 *([got.last] if got else []))
                return
            if got.times[n - 1] > t:
                verdict.violated("streams.acked", f"message {n} of {name} was acknowledged "
                                 f"{ms(got.times[n - 1] - t)} before it was consumed", place,
                                 got.first)
                return

    def check_ends(self, history: History, name: str, stream: Stream, verdict: Verdict) -> None:
        ends = stream.opener_ends
        if len(ends) > 1 or not ends and not stream.life.killed:
            verdict.violated("streams.ends", f"{name} ended {len(ends)} times for its opener",
                             stream.place, *(place for _, place in ends))
        for number in stream.acceptors.keys() | stream.acceptor_ends.keys():
            life = history.lives[number]
            got = stream.acceptors.get(number)
            ends = stream.acceptor_ends.get(number, [])
            # A stream is offered, and only then taken. An offer whose answer is lost with its
            # connection ends by itself, whenever that is noticed; nothing was consumed, and the
            # stream may be offered again, even to the same node.
            taken = [end for end in ends if end[0] != CONNECTION_LOST]
            if len(taken) > 1 or got and not ends and not life.killed:
                verdict.violated("streams.ends", f"{name} ended {len(ends)} times for its acceptor "
                                 f"{life.name}", stream.place, *([got.last] if got else []),
                                 *(place for _, place in ends))

    def check_outcomes(self, name: str, stream: Stream, verdict: Verdict) -> None:
        for outcome, place in stream.opener_ends:
            got = max((len(a.times) for a in stream.acceptors.values()), default=0)
            if outcome == "good" and got < stream.sent:
                verdict.violated("streams.good", f"{name} ended well, and of {stream.sent} "
                                 f"messages {got} were consumed", stream.place, place)
            if outcome in NEVER_TAKEN and got:
                verdict.violated("streams.not_executed", f"{name} is said to be never taken, and "
                                 f"{got} messages were consumed", place,
                                 *(a.first for a in stream.acceptors.values()))
        for number, ends in stream.acceptor_ends.items():
            got = stream.acceptors.get(number)
            for outcome, place in ends:
                if outcome == "good" and (len(got.times) if got else 0) < stream.sent:
                    verdict.violated("streams.good", f"{name} ended well for its acceptor, and of "
                                     f"{stream.sent} messages {len(got.times) if got else 0} were "
                                     "consumed", stream.place, place)
