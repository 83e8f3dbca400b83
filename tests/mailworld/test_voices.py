import asyncio
from functools import partial

from verification.mailworld.dialogue import Greylist
from verification.mailworld.voices import DelayLine


def test_delay_line_keeps_order_and_time() -> None:
    async def run() -> list[tuple[str, bool]]:
        loop = asyncio.get_running_loop()
        line, done = DelayLine(loop, 0.05), []
        began = loop.time()

        def note(name: str) -> None:
            done.append((name, 0.049 <= loop.time() - began < 1))

        def again() -> None:
            note("again")
            line.add(partial(note, "late"))

        line.add(again)
        for name in ("a", "b"):
            line.add(partial(note, name))
        await asyncio.sleep(0.2)
        return done

    assert asyncio.run(run()) == [("again", True), ("a", True), ("b", True), ("late", True)]


def test_greylist_holds_each_triplet_back() -> None:
    now = 100.0
    greylist = Greylist(lambda: now)
    first = ("127.0.0.1", b"me@x", "anna@greylist-pass-9.test")
    assert greylist.holds_back(first, 9)
    now = 108.9
    assert greylist.holds_back(first, 9)
    now = 109.0
    assert not greylist.holds_back(first, 9)
    assert greylist.holds_back(("127.0.0.2", *first[1:]), 9)
    assert greylist.holds_back((first[0], b"you@x", first[2]), 9)


def test_greylist_forgets_the_oldest() -> None:
    now = 0.0
    greylist = Greylist(lambda: now)
    for number in range(100_001):
        greylist.holds_back(("", b"", str(number)), 1)
    now = 5.0
    assert (greylist.holds_back(("", b"", "0"), 1), greylist.holds_back(("", b"", "2"), 1)) == (True, False)
