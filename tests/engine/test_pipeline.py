"""From an address to an answer, against the mail world: order of the stages, options, deadlines, bugs of ours."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any
from zlib import crc32

import pytest

from tests.engine.in_loop import in_loop
from tests.fixtures_mail_world import MailWorld
from verification.engine import (
    Answer,
    CatchAll,
    CatchAllState,
    Engine,
    Evidence,
    InProcessPacing,
    Pacing,
    ProbeOptions,
    Trouble,
)


@asynccontextmanager
async def engine(world: MailWorld, *, pacing: Pacing | None = None, **overrides: Any) -> AsyncIterator[Engine]:
    one = Engine(world.engine_config(**overrides), pacing=pacing)
    try:
        yield one
    finally:
        await one.aclose()


async def verify(world: MailWorld, address: str, options: ProbeOptions | None = None, **overrides: Any) -> Answer:
    async with engine(world, **overrides) as one:
        return await one.verify(address, deadline_seconds=10, options=options or ProbeOptions())


def verdict(answer: Answer) -> str:
    return f"{answer.verdict.result} {answer.verdict.reason} {answer.verdict.blame}"


@in_loop
async def test_an_answer_in_full(mail_world: MailWorld) -> None:
    answer = await verify(mail_world, "Info@OK.test")
    fields = answer.contract_fields()
    assert 0 <= fields.pop("duration") < 10_000
    assert fields == {
        "result": "Ok",
        "reason": "Success",
        "role": True,
        "free": False,
        "disposable": False,
        "email": "Info@OK.test",
        "domain": "OK.test",
        "user": "Info",
        "mailServerLocation": "",
    }
    [attempt] = answer.evidence.attempts
    assert (attempt.host, attempt.code, attempt.enhanced) == ("mx.ok.test", 250, "2.1.5")
    assert answer.evidence.catch_all.state is CatchAllState.NO


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("nobody", "Bad AtSignNotFound address"),
        ("a@b@ok.test", "Bad TooManyAtSignsFound address"),
        ("a..b@ok.test", "Bad MailboxDoesNotExist address"),
        ("a@-x-", "Bad DomainIsInexistent address"),
        ("\x00", "Bad AtSignNotFound address"),
        ("a\udcff@ok.test", "Bad MailboxDoesNotExist address"),
        ("x" * 10_000_000, "Bad AtSignNotFound address"),
        ("x" * 10_000_000 + "@ok.test", "Bad MailboxDoesNotExist address"),
    ],
    ids=range(8),
)
@in_loop
async def test_texts_that_are_no_address(mail_world: MailWorld, address: str, expected: str) -> None:
    answer = await verify(mail_world, address)
    assert (verdict(answer), answer.email == address, answer.evidence.attempts) == (expected, True, ())


@pytest.mark.parametrize(
    ("address", "options", "expected"),
    [
        ("a@trap.test", ProbeOptions(), "Bad PossibleSpamTrapDetected address"),
        ("a@trap.test", ProbeOptions(spam_trap_check=False), "Ok Success none"),
        ("a@dea.test", ProbeOptions(), "Unverifiable DomainIsWellKnownDea their_policy"),
        ("a@dea.test", ProbeOptions(disposable_check=False), "Ok Success none"),
        ("a@catchall.test", ProbeOptions(), "Unverifiable ServerIsCatchAll their_policy"),
        ("a@catchall.test", ProbeOptions(catch_all_probe=False), "Ok Success none"),
        ("a@ok.test", ProbeOptions(mailbox_probe=False), "Unverifiable Unknown unknown"),
        ("a@ok.test", ProbeOptions(extra_disposable=frozenset({"ok.test"})),
         "Unverifiable DomainIsWellKnownDea their_policy"),
        ("a@ok.test", ProbeOptions(extra_spam_traps=frozenset({"a@ok.test"})), "Bad PossibleSpamTrapDetected address"),
        ("a@ok.test", ProbeOptions(do_not_probe=frozenset({"ok.test"})), "Unverifiable None their_policy"),
        ("a@ok.test", ProbeOptions(do_not_probe=frozenset({"mx.ok.test"})), "Unverifiable None their_policy"),
        ("a@nomx.test", ProbeOptions(do_not_probe=frozenset({"nomx.test"})), "Bad NoMxServersFound address"),
        ("a@nxdomain.test", ProbeOptions(extra_disposable=frozenset({"nxdomain.test"})),
         "Bad DomainIsInexistent address"),
    ],
    ids=range(13),
)  # fmt: skip
@in_loop
async def test_options(mail_world: MailWorld, address: str, options: ProbeOptions, expected: str) -> None:
    assert verdict(await verify(mail_world, address, options)) == expected


@pytest.mark.parametrize("missing", [{"helo_name": ""}, {"mail_from": ""}], ids=["helo", "sender"])
@in_loop
async def test_nameless_probes_are_not_made_but_the_dns_is_asked(
    mail_world: MailWorld, missing: dict[str, Any]
) -> None:
    asked = await verify(mail_world, "missing@ok.test", **missing)
    assert (verdict(asked), asked.evidence.not_probed) == ("Unverifiable Unknown our_network", "dns_only")
    assert verdict(await verify(mail_world, "a@nullmx.test", **missing)) == "Bad NoMxServersFound address"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("missing@ok.test", "Unverifiable Unknown our_network"),
        ("a@broken.test", "Unverifiable Unknown our_network"),
        ("a@nxdomain.test", "Bad DomainIsInexistent address"),
        ("a@nomx.test", "Bad NoMxServersFound address"),
        ("a@nullmx.test", "Bad NoMxServersFound address"),
        ("a@trap.test", "Bad PossibleSpamTrapDetected address"),
        ("a@servfail.test", "RetryLater TransientNetworkFault their_outage"),
    ],
)
@pytest.mark.parametrize("zone", ["", "test"])
@in_loop
async def test_where_mail_servers_are_out_of_reach_dns_alone_decides(
    mail_world: MailWorld, zone: str, address: str, expected: str
) -> None:
    always = frozenset({"test"}) if zone else frozenset()
    asked = await verify(mail_world, address, ProbeOptions(dns_only=frozenset({zone})), probe_always_zones=always)
    assert (verdict(asked), asked.evidence.attempts) == (expected, ())


@in_loop
async def test_what_is_out_of_reach_elsewhere_is_asked_here(mail_world: MailWorld) -> None:
    options = ProbeOptions(dns_only=frozenset({""}))
    world: dict[str, Any] = {"probe_always_zones": frozenset({"test"})}
    assert verdict(await verify(mail_world, "missing@ok.test", options, **world)) == "Bad MailboxDoesNotExist address"


@in_loop
async def test_some_zones_are_probed_without_a_name(mail_world: MailWorld) -> None:
    world: dict[str, Any] = {"helo_name": "", "mail_from": "", "probe_always_zones": frozenset({"test"})}
    assert verdict(await verify(mail_world, "missing@ok.test", **world)) == "Bad MailboxDoesNotExist address"


@in_loop
async def test_a_zone_may_have_servers_and_a_port_of_its_own(mail_world: MailWorld) -> None:
    answer = await verify(
        mail_world,
        "missing@ok.test",
        resolvers=(("127.1.0.99", 9),),
        smtp_port=9,
        zone_resolvers={"test": (mail_world.dns_endpoint,)},
        zone_smtp_ports={"test": mail_world.smtp_port},
    )
    assert verdict(answer) == "Bad MailboxDoesNotExist address"


@in_loop
async def test_the_senders_of_callers_are_used(mail_world: MailWorld) -> None:
    await verify(mail_world, "sender-of-caller@bulk-71.test", ProbeOptions(mail_from="caller@customer.example"))
    lines = [
        str(event) for event in mail_world.heard() if "bulk-71.test" in str(event) or "customer.example" in str(event)
    ]
    assert any("MAIL FROM:<caller@customer.example>" in line for line in lines)


@in_loop
async def test_addresses_of_one_domain_share_a_connection(mail_world: MailWorld) -> None:
    async with engine(mail_world) as one:
        answers = await asyncio.gather(*(one.verify(f"a{n}@bulk-72.test") for n in range(10)))
    assert {verdict(answer) for answer in answers} == {"Ok Success none"}
    greeted = re.compile(r"RCPT TO:<a\d@bulk-72\.test>")
    connections = {
        (event.get("peer"), event.get("peer_port")) for event in mail_world.heard() if greeted.search(str(event))
    }
    assert len(connections) == 1


@in_loop
async def test_the_deadline_holds_whatever_the_server_does(mail_world: MailWorld) -> None:
    async with engine(mail_world) as one:
        began = time.monotonic()
        answers = await asyncio.gather(
            *(one.verify(f"a{n}@{name}.test", deadline_seconds=1) for n in range(30) for name in ("tarpit", "silent")),
            one.verify("a@dnstimeout.test", deadline_seconds=1),
            one.verify("a@ok.test", deadline_seconds=1),
        )
        assert time.monotonic() - began < 2
    assert {verdict(answer) for answer in answers[:-1]} == {"RetryLater TransientNetworkFault their_outage"}
    assert verdict(answers[-1]) == "Ok Success none"


@in_loop
async def test_a_wait_for_our_own_slots_is_our_fault(mail_world: MailWorld) -> None:
    pacing = InProcessPacing(1)
    await pacing.acquire("ok.test")
    async with engine(mail_world, pacing=pacing) as one:
        answer = await one.verify("a@ok.test", deadline_seconds=0.3)
    assert verdict(answer) == "RetryLater TransientNetworkFault our_deadline"


@in_loop
async def test_a_pause_after_refusals_is_told_at_once(mail_world: MailWorld) -> None:
    pacing = InProcessPacing(5)
    for _ in range(3):
        pacing.refused("ok.test")
    async with engine(mail_world, pacing=pacing) as one:
        answer = await one.verify("a@ok.test", deadline_seconds=5)
    assert verdict(answer) == "RetryLater TransientNetworkFault our_address"
    assert [attempt.trouble for attempt in answer.evidence.attempts] == [Trouble.BACKOFF]


class BrokenPacing(InProcessPacing):
    async def acquire(self, organisation: str) -> None:
        raise KeyError(organisation)


@in_loop
async def test_a_bug_of_ours_is_no_verdict_on_the_address(mail_world: MailWorld) -> None:
    async with engine(mail_world, pacing=BrokenPacing(5)) as one:
        answer = await one.verify("a@ok.test", deadline_seconds=5)
    assert verdict(answer) == "Unverifiable Unknown our_fault"
    assert "KeyError" in answer.evidence.our_fault


class BrokenCount(InProcessPacing):
    def answered(self, organisation: str) -> None:
        raise KeyError(organisation)


@in_loop
async def test_a_bug_within_a_dialogue_is_no_fault_of_the_server(mail_world: MailWorld) -> None:
    async with engine(mail_world, pacing=BrokenCount(1), per_host=1) as one:
        answers = await asyncio.gather(*(one.verify(f"a{n}@bulk-75.test", deadline_seconds=5) for n in range(15)))
    assert [verdict(answer) for answer in answers] == ["Ok Success none"] * 10 + ["Unverifiable Unknown our_fault"] * 5


@in_loop
async def test_a_cancelled_caller_disturbs_nobody(mail_world: MailWorld) -> None:
    async with engine(mail_world) as one:
        gone = [asyncio.create_task(one.verify(f"gone{n}@slow-200.test")) for n in range(20)]
        await asyncio.sleep(0.3)
        for task in gone:
            task.cancel()
        stays = await one.verify("missing@slow-200.test", deadline_seconds=10)
        ends = await asyncio.gather(*gone, return_exceptions=True)
    assert verdict(stays) == "Bad MailboxDoesNotExist address"
    assert {type(end) for end in ends} == {asyncio.CancelledError}


@in_loop
async def test_closing_takes_less_than_a_second(mail_world: MailWorld) -> None:
    one = Engine(mail_world.engine_config())
    waiting = [asyncio.create_task(one.verify(f"a{n}@tarpit-{n}.test")) for n in range(50)]
    await asyncio.sleep(0.5)
    began = time.monotonic()
    await one.aclose()
    answers = await asyncio.gather(*waiting)
    assert time.monotonic() - began < 1
    assert {verdict(answer) for answer in answers} == {"RetryLater TransientNetworkFault our_deadline"}


@in_loop
async def test_a_catch_all_probe_of_another_process_is_cited(mail_world: MailWorld) -> None:
    known = CatchAll(CatchAllState.YES, int(time.time()) - 3600, "mx.elsewhere.test")
    async with engine(mail_world) as one:
        one.remember_catch_all("bulk-73.test", known)
        answer = await one.verify("a@bulk-73.test", deadline_seconds=10)
        assert one.known_catch_all("bulk-73.test") == known
    assert (verdict(answer), answer.evidence.catch_all) == ("Unverifiable ServerIsCatchAll their_policy", known)


@in_loop
async def test_a_catch_all_probe_is_forgotten_after_a_day(mail_world: MailWorld) -> None:
    async with engine(mail_world) as one:
        one.remember_catch_all("bulk-74.test", CatchAll(CatchAllState.YES, int(time.time()) - 86_401, "mx"))
        assert one.known_catch_all("bulk-74.test") is None
        assert verdict(await one.verify("a@bulk-74.test", deadline_seconds=10)) == "Ok Success none"


@in_loop
async def test_inside_addresses_get_no_packet(mail_world: MailWorld) -> None:
    answer = await verify(mail_world, "a@ok.test", allowed_networks=(ip_network("127.99.0.0/16"),))
    assert verdict(answer) == "Bad NoMxServersFound address"
    assert [attempt.trouble for attempt in answer.evidence.attempts] == [Trouble.GUARDED]


@in_loop
async def test_the_source_of_earlier_tries_is_kept(mail_world: MailWorld) -> None:
    ours = ("127.1.77.1", "127.1.77.2")
    async with engine(mail_world, source_addresses=(*ours, "::1")) as one:
        for source in ours:
            answer = await one.verify("jane@ok.test", options=ProbeOptions(source=source))
            assert ([a.source for a in answer.evidence.attempts], answer.evidence.former_source) == ([source], "")
        usual = await one.verify("jane@ok.test")
        assert [a.source for a in usual.evidence.attempts] == [ours[crc32(b"ok.test") % 2]]
        other_family = await one.verify("jane@ok.test", options=ProbeOptions(source="::1"))
        assert (other_family.evidence.attempts[0].source, other_family.evidence.former_source) == (
            usual.evidence.attempts[0].source,
            "",
        )


@in_loop
async def test_a_source_that_is_ours_no_more_is_replaced(mail_world: MailWorld) -> None:
    answer = await verify(
        mail_world, "jane@ok.test", ProbeOptions(source="127.1.77.3"), source_addresses=["127.1.77.1"]
    )
    assert ([a.source for a in answer.evidence.attempts], answer.evidence.former_source) == (
        ["127.1.77.1"],
        "127.1.77.3",
    )
    assert Evidence.from_dict(answer.evidence.as_dict()) == answer.evidence
