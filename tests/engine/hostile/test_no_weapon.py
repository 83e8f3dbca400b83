"""However many addresses a list has, its domains' servers are asked little, and some not at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.engine.fake_dns import FakeDns, records
from tests.engine.hostile.smtp_server import Servers, servers
from tests.engine.hostile.world import OK, POLICY, config, verdict
from tests.engine.in_loop import in_loop
from verification.engine import Engine, ProbeOptions

ZONE = {
    ("x.test", "MX"): records("MX", "10 mx.y.test.", "20 mx.x.test."),
    ("mx.y.test", "A"): records("A", "127.9.4.1"),
    ("mx.x.test", "A"): records("A", "127.9.4.2"),
}
MOST_QUESTIONS_A_NAME = 3


@asynccontextmanager
async def world() -> AsyncIterator[tuple[Engine, FakeDns, Servers]]:
    async with servers() as mail, FakeDns(dict(ZONE)) as dns:
        engine = Engine(config(dns, mail))
        try:
            yield engine, dns, mail
        finally:
            await engine.aclose()


@in_loop
async def test_a_thousand_addresses_are_one_question_a_name_and_one_random_recipient() -> None:
    async with world() as (engine, dns, mail):
        for _ in range(2):
            answers = await asyncio.gather(*(engine.verify(f"a{number}@x.test") for number in range(500)))
            assert {verdict(answer) for answer in answers} == {OK}
        asked = Counter(name for name, _, _ in dns.questions)
        lines = [line for peer in mail.peers for line in peer.lines]
    assert max(asked.values()) <= MOST_QUESTIONS_A_NAME
    assert sum(line.startswith(b"RCPT TO:<a") for line in lines) == 1_000
    assert sum(line.startswith(b"RCPT TO:<missingham.") for line in lines) == 1


@pytest.mark.parametrize("name", ["x.test", "test", "mx.y.test", "y.test", "mx.x.test"])
@in_loop
async def test_who_is_not_to_be_probed_gets_no_connection(name: str) -> None:
    async with world() as (engine, _, mail):
        refused = await engine.verify("a@x.test", options=ProbeOptions(do_not_probe=frozenset({name})))
        before = len(mail.peers)
        asked = await engine.verify("a@x.test", options=ProbeOptions(do_not_probe=frozenset({f"not-{name}"})))
        assert (verdict(refused), before, verdict(asked), len(mail.peers)) == (POLICY, 0, OK, 1)
