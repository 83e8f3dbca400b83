"""The doctor on the real database, with the mail world for the world."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from tests.engine.fake_dns import FakeDns, records, says
from tests.fixtures_mail_world import MailWorld
from verification.domain import doctor, probe_state
from verification.domain.doctor import inside, outside
from verification.domain.doctor.examination import PERIOD_SECONDS, WORRIED_PERIOD_SECONDS, shut_after
from verification.domain.doctor.found import Found
from verification.domain.doctor.site import Site, our_addresses
from verification.domain.probing import engine_config
from verification.domain.sweeper import LOOK_SECONDS, Sweeper
from verification.engine.resolver import Resolver
from verification.engine.senders.doors import Door
from verification.models import DoNotProbe, Finding, FindingState, Subject

pytestmark = pytest.mark.django_db(transaction=True)
QUICK = (0.5, 0.3, 0.3)
CLOSED = ["mx1.deadfirst.test", "mx1.deadfirst-2.test", "mx1.twentymx.test"]
BROKEN, NOTE, OK, UNCLEAR = FindingState.BROKEN, FindingState.NOTE, FindingState.OK, FindingState.UNCLEAR


@pytest.fixture(autouse=True)
def world(mail_world: MailWorld, settings: Settings, tmp_path: Path) -> None:
    settings.RUN_DIR = settings.PORTAL_DATA = tmp_path
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    settings.RESOLVERS = [mail_world.dns]
    settings.PORT_25_HOSTS = ["mx.ok.test", "mx.plain.test"]
    settings.BLOCKLISTS = ["dnsbl.test"]
    settings.SOURCE_ADDRESSES = ["127.1.0.21"]
    settings.HELO_NAME = "probe.candour.test"
    settings.PROBE_SENDER = "probe@candour.test"


def check(one: Callable[..., Any], *arguments: object) -> Found:  # Any: coroutines of Found
    """Run one check that asks others."""

    async def work() -> Found:
        config = engine_config()
        resolver = Resolver(config, try_seconds=QUICK)
        try:
            site = Site(config, resolver, *await our_addresses(config, resolver))
            found = await one(site, *arguments)
            assert isinstance(found, Found)
            return found
        finally:
            await resolver.aclose()

    return asyncio.run(work())


def test_all_subjects_are_looked_at_and_kept_once() -> None:
    for _ in range(2):
        doctor.store(doctor.examine())
    rows = list(doctor.report())
    assert [row.subject for row in rows] == [subject.value for subject in Subject]
    assert all(row.looked_at and row.outcome for row in rows)
    found = {row.subject: row.state for row in rows}
    assert [found[each] for each in ("port_25", "name", "spf", "blocklists", "do_not_probe", "clock", "database")] == (
        ["ok"] * 7
    )


def test_every_finding_that_is_not_well_says_what_to_do(settings: Settings) -> None:
    settings.HELO_NAME = settings.PROBE_SENDER = ""
    settings.SOURCE_ADDRESSES = []
    settings.PORT_25_HOSTS = CLOSED
    assert [one.subject for one in doctor.examine() if one.state is not OK and not one.advice] == []


@pytest.mark.parametrize(
    ("hosts", "state", "doors"),
    [
        (["mx.ok.test", CLOSED[0]], OK, {"test": Door.OPEN}),
        (CLOSED, BROKEN, {"test": Door.CLOSED}),
        ([*CLOSED, "mx.nosuchname.test"], UNCLEAR, {"test": Door.UNCLEAR}),
        ([], UNCLEAR, {}),
    ],
)
def test_port_25(settings: Settings, hosts: list[str], state: FindingState, doors: dict[str, Door]) -> None:
    settings.PORT_25_HOSTS = hosts
    found = check(outside.port_25)
    assert (found.state, found.doors) == (state, doors)


def test_hosts_of_the_mail_world_say_nothing_of_the_world(settings: Settings) -> None:
    settings.PORT_25_HOSTS = ["mx.ok.test", "mx.nowhere.example", "mx2.nowhere.example"]
    found = check(outside.port_25)
    assert (found.state, found.doors) == (UNCLEAR, {"test": Door.OPEN, "": Door.UNCLEAR})


@pytest.mark.parametrize(
    ("addresses", "state"),
    [
        (["127.1.0.21"], OK),
        (["127.1.0.21", "127.1.0.22"], BROKEN),
        (["127.1.0.25"], BROKEN),
        (["127.1.0.21", "127.1.0.24"], UNCLEAR),
        (["127.1.0.26"], UNCLEAR),
    ],
)
def test_name_and_back(settings: Settings, addresses: list[str], state: FindingState) -> None:
    settings.SOURCE_ADDRESSES = addresses
    assert check(outside.name_and_back).state is state


@pytest.mark.parametrize(("in_development", "state"), [(True, NOTE), (False, BROKEN)])
def test_without_a_name_only_the_mail_world_can_be_asked(
    settings: Settings, in_development: bool, state: FindingState
) -> None:
    settings.MAIL_WORLD = in_development
    settings.HELO_NAME = settings.PROBE_SENDER = ""
    assert [check(one).state for one in (outside.name_and_back, outside.spf_of_sender)] == [state, state]


@pytest.mark.parametrize(
    ("sender", "addresses", "state"),
    [
        ("probe@candour.test", ["127.1.0.21"], OK),
        ("probe@candour.test", ["127.1.0.22"], BROKEN),
        ("probe@candour.test", ["127.1.0.27"], NOTE),
        ("probe@ok.test", ["127.1.0.21"], NOTE),  # no record
        ("probe@servfail.test", ["127.1.0.21"], UNCLEAR),
        ("probe@dnstimeout.test", ["127.1.0.21"], UNCLEAR),
    ],
)
def test_spf_of_the_sender(settings: Settings, sender: str, addresses: list[str], state: FindingState) -> None:
    settings.PROBE_SENDER, settings.SOURCE_ADDRESSES = sender, addresses
    assert check(outside.spf_of_sender).state is state


@pytest.mark.parametrize(
    ("blocklists", "address", "state"),
    [
        (["dnsbl.test"], "127.1.0.21", OK),
        (["dnsbl.test"], "127.1.0.22", BROKEN),
        (["dnsbl-refusing.test"], "127.1.0.21", UNCLEAR),
        (["dnsbl-everybody.test"], "127.1.0.21", UNCLEAR),
        (["dnsbl.test", "servfail.test"], "127.1.0.21", UNCLEAR),
        (["servfail.test", "dnsbl.test"], "127.1.0.22", BROKEN),
        ([], "127.1.0.21", NOTE),
    ],
)
def test_block_lists(settings: Settings, blocklists: list[str], address: str, state: FindingState) -> None:
    settings.BLOCKLISTS, settings.SOURCE_ADDRESSES = blocklists, [address]
    assert check(outside.block_lists).state is state


def test_an_address_behind_a_router_is_that_of_our_name(settings: Settings) -> None:
    settings.SOURCE_ADDRESSES = ["10.0.0.5"]
    found = check(outside.name_and_back)
    assert found.looked_at.startswith("PTR of 127.1.0.21, 127.1.0.22, ")
    settings.HELO_NAME = "ok.test"  # has no address
    assert check(outside.name_and_back).outcome == "Nothing: it is not known by which address others see us."


def ask_name_server(default: Any, **zone: Any) -> tuple[FindingState, str]:  # Any: scripts of the fake
    async def work() -> Found:
        async with FakeDns({("com", "NS"): zone.get("com", records("NS", "a.gtld.example."))}, default) as server:
            config = engine_config()
            config = type(config)(resolvers=(server.address,))
            found: Found = await outside.name_servers(Site(config, Resolver(config)))
            return found

    found = asyncio.run(work())
    return found.state, found.outcome


def test_a_name_server() -> None:
    state, outcome = ask_name_server(None)
    assert (state, outcome.split(" in ")[0]) == (OK, "127.0.0.1 answers")


def test_a_name_server_that_makes_answers_up_is_broken() -> None:
    assert ask_name_server(records("A", "192.0.2.80")) == (
        BROKEN,
        "127.0.0.1 makes up addresses for names that do not exist.",
    )


def test_a_name_server_that_knows_no_com_is_broken() -> None:
    assert ask_name_server(None, com=says("NXDOMAIN", soa=True))[0] is BROKEN


def test_a_name_server_in_trouble_is_unclear() -> None:
    assert ask_name_server(None, com=says("SERVFAIL"))[0] is UNCLEAR


def test_a_name_server_that_is_not_there_is_broken(settings: Settings) -> None:
    settings.RESOLVERS = ["127.0.0.1:9"]
    assert check(outside.name_servers).state is BROKEN


def test_who_is_on_the_list_is_not_asked(mail_world: MailWorld) -> None:
    DoNotProbe.objects.create(name="ok-62.test", reason="asked us")
    found = check(outside.do_not_probe, ["ok-62.test"])
    assert (found.state, found.outcome) == (OK, "1 names; ok-62.test was not asked: do_not_probe.")
    assert not any("ok-62.test" in event["detail"] for event in mail_world.heard())


@pytest.mark.parametrize(
    ("skew", "unsure", "state"),
    [(0.2, 0.01, OK), (-3.0, 0.01, NOTE), (9.0, 0.5, BROKEN), (-9.0, 0.5, BROKEN), (0.0, 4.0, UNCLEAR)],
)
def test_clock(skew: float, unsure: float, state: FindingState) -> None:
    assert inside.judge_clock("", skew=skew, unsure=unsure).state is state


@pytest.mark.parametrize(
    ("clusters", "due", "oldest", "leases", "state"),
    [
        (["here"], 0, 0.0, 0, OK),
        (["here", "there"], 500, 900.0, 4, OK),  # busy
        (["here"], 5, 20.0, 0, OK),  # just come
        (["here"], 5, 100.0, 0, BROKEN),
        (["there"], 0, 0.0, 0, NOTE),
        ([], 0, 0.0, 0, BROKEN),
    ],
)
def test_queue(clusters: list[str], due: int, oldest: float, leases: int, state: FindingState) -> None:
    hosts = [socket.gethostname() if name == "here" else name for name in clusters]
    found = inside.judge_queue("", clusters=hosts, due=due, oldest_seconds=oldest, leases=leases)
    assert found.state is state


@pytest.mark.parametrize(("free", "state"), [(50_000_000_000, OK), (1_500_000_000, NOTE), (100_000_000, BROKEN)])
def test_disk(free: int, state: FindingState) -> None:
    assert inside.judge_disk("", free=free, total=100_000_000_000).state is state


def test_a_check_that_breaks_down_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_down(site: Site) -> Found:
        raise ZeroDivisionError("in the check")

    monkeypatch.setattr(outside, "spf_of_sender", break_down)
    found = {one.subject: one for one in doctor.examine()}
    assert (len(found), found[Subject.SPF].state, found[Subject.NAME].state) == (11, UNCLEAR, OK)


@pytest.mark.parametrize(
    ("door", "before", "after"),
    [
        (Door.CLOSED, set(), {"test"}),
        (Door.OPEN, {"test"}, set()),
        (Door.UNCLEAR, {"test"}, {"test"}),
        (Door.UNCLEAR, set(), set()),
        (None, {"test"}, {"test"}),  # the check broke down
    ],
)
def test_what_nobody_can_tell_stays_as_it_was(door: Door | None, before: set[str], after: set[str]) -> None:
    found = Found(Subject.PORT_25, UNCLEAR, "", "", doors={"test": door} if door else {})
    assert shut_after(found, frozenset(before)) == after


def test_an_examination_is_due_after_ten_minutes_or_two_when_there_is_trouble() -> None:
    assert doctor.is_due()
    doctor.store([Found(Subject.PORT_25, OK, "", "")])
    for state, seconds, due in (
        (OK, PERIOD_SECONDS - 5, False),
        (OK, PERIOD_SECONDS + 5, True),
        (BROKEN, WORRIED_PERIOD_SECONDS + 5, True),
        (UNCLEAR, WORRIED_PERIOD_SECONDS - 5, False),
    ):
        checked_at = timezone.now() - timedelta(seconds=seconds)
        Finding.objects.update(state=state, checked_at=checked_at)
        assert doctor.is_due() is due


def test_the_sweeper_rings_for_the_doctor() -> None:
    sweeper = Sweeper()
    sweeper.ask_for_checks()
    assert OrmQ.objects.count() == 0
    sweeper.last_look -= LOOK_SECONDS + 1
    sweeper.ask_for_checks()
    sweeper.ask_for_checks()
    assert [task.task["func"] for task in OrmQ.objects.all()] == ["verification.tasks.examine"]


def test_machines_are_told_apart(settings: Settings) -> None:
    for machine, door in (("here", Door.OPEN), ("there", Door.CLOSED)):
        settings.MACHINE = machine
        doctor.store([Found(Subject.PORT_25, OK, "", "", doors={"": door})])
    settings.MACHINE = "here"
    probe_state.forget()
    probe_state.look_now()
    assert (probe_state.shut_here(), probe_state.is_shut()) == (frozenset(), True)
    settings.MACHINE = "there"
    assert probe_state.shut_here() == {""}


def test_old_news_does_not_count() -> None:
    doctor.store([Found(Subject.PORT_25, BROKEN, "", "", doors={"": Door.CLOSED})])
    Finding.objects.update(checked_at=timezone.now() - timedelta(hours=2, seconds=5))
    probe_state.forget()
    probe_state.look_now()
    assert not probe_state.is_shut()
