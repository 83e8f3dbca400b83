"""Proof, key, policy and permission of sending domains, over real sockets."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.engine.fake_dns import FakeDns, Script, records, resolver_for, run, says, silent
from tests.engine.in_loop import in_loop
from tests.fixtures_mail_world import MailWorld
from verification.engine.resolver import Resolver
from verification.engine.senders.checked import Checked, Outcome
from verification.engine.senders.dkim import KeyFaulty, check_key, read_key
from verification.engine.senders.dmarc import check_policy
from verification.engine.senders.proof import check_proof
from verification.engine.senders.spf import check_permission
from verification.engine.senders.tags import TagsFaulty
from verification.mailworld.records import KEY

QUICK = (0.3, 0.2, 0.2)
US = "127.1.0.21"

CHECKS: dict[str, Callable[[Resolver, str], Awaitable[Checked]]] = {
    "proof": lambda resolver, domain: check_proof(resolver, domain=domain, token="of-the-mail-world"),
    "spf": lambda resolver, domain: check_permission(resolver, domain=domain, addresses=[US]),
    "dkim": lambda resolver, domain: check_key(resolver, domain=domain, selector="candour", wanted=KEY),
    "dmarc": lambda resolver, domain: check_policy(resolver, domain=domain),
}


@pytest.mark.parametrize(
    ("domain", "kind", "outcome", "cause"),
    [
        ("good-sender", "proof", "passed", "_candour.good-sender.test has the proof."),
        ("good-sender", "spf", "passed", "The SPF record permits 127.1.0.21."),
        ("good-sender", "dkim", "passed", "candour._domainkey.good-sender.test has a key (Ed25519)."),
        ("good-sender", "dmarc", "passed", "_dmarc.good-sender.test says reject."),
        (
            "bad-sender",
            "proof",
            "failed",
            "_candour.bad-sender.test has a TXT record, but not this proof: candour-proof=of-somebody-else.",
        ),
        ("bad-sender", "spf", "failed", "The SPF record does not permit 127.1.0.21: fail (-all)."),
        (
            "bad-sender",
            "dkim",
            "failed",
            "candour._domainkey.bad-sender.test: the key was withdrawn (p= is empty).",
        ),
        ("bad-sender", "dmarc", "failed", "_dmarc.bad-sender.test: p= must be one of none, quarantine, reject."),
        ("bare-sender", "proof", "failed", "_candour.bare-sender.test has no TXT record."),
        ("bare-sender", "spf", "failed", "bare-sender.test has no SPF record."),
        ("bare-sender", "dkim", "failed", "candour._domainkey.bare-sender.test has no TXT record."),
        ("bare-sender", "dmarc", "failed", "_dmarc.bare-sender.test has no DMARC record."),
        ("nxdomain", "proof", "failed", "_candour.nxdomain.test has no TXT record."),
        ("nxdomain", "spf", "failed", "nxdomain.test has no SPF record."),
    ],
)
@in_loop
async def test_checks(mail_world: MailWorld, domain: str, kind: str, outcome: str, cause: str) -> None:
    resolver = Resolver(mail_world.engine_config())
    found = await CHECKS[kind](resolver, f"{domain}.test")
    await resolver.aclose()
    assert found == Checked(Outcome(outcome), cause)


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("domain", ["servfail.test", "dnstimeout.test"])
@in_loop
async def test_what_the_dns_does_not_answer_is_unclear(mail_world: MailWorld, domain: str, kind: str) -> None:
    resolver = Resolver(mail_world.engine_config(), try_seconds=QUICK)
    found = await CHECKS[kind](resolver, domain)
    await resolver.aclose()
    assert found.outcome is Outcome.UNCLEAR


def rsa_key(bits: int) -> str:
    return der(rsa.generate_private_key(65_537, bits).public_key())


def der(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


LONG_KEY = rsa_key(2_048)


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (f"v=DKIM1; k=rsa; p={LONG_KEY}", "RSA, 2048 bits"),
        (f"p={LONG_KEY}", "RSA, 2048 bits"),
        (f"v=DKIM1;h=sha256;t=y;s=email:other;n=a note;p={LONG_KEY[:100]} {LONG_KEY[100:]};", "RSA, 2048 bits"),
        (f"v=DKIM1; k=ed25519; p={KEY}", "Ed25519"),
    ],
    ids=range(4),  # keys are new in each process
)
def test_keys_that_can_be_used(record: str, kind: str) -> None:
    assert read_key(record)[0] == kind


@pytest.mark.parametrize(
    "record",
    [
        "",
        "v=DKIM1",
        "v=DKIM2; p=" + KEY,
        "k=rsa; v=DKIM1; p=" + LONG_KEY,
        "v=DKIM1; p=",
        "v=DKIM1; p=***",
        "v=DKIM1; k=rsa; p=" + KEY,
        "v=DKIM1; k=ed25519; p=" + LONG_KEY,
        "v=DKIM1; k=dsa; p=" + KEY,
        "v=DKIM1; s=tlsrpt; p=" + LONG_KEY,
        "v=DKIM1; k=rsa; p=" + rsa_key(1_024)[:-8],
        "v=DKIM1; p=" + der(ec.generate_private_key(ec.SECP256R1()).public_key()),
        "v=DKIM1; p=" + LONG_KEY + "; p=" + LONG_KEY,
        "just a text",
    ],
    ids=range(14),
)
def test_records_without_a_key_that_can_be_used(record: str) -> None:
    with pytest.raises((KeyFaulty, TagsFaulty)):
        read_key(record)


def look(zone: dict[tuple[str, str], Script], check: Callable[[Resolver], Awaitable[Checked]]) -> Outcome:
    async def work() -> Outcome:
        async with FakeDns(zone) as server:
            return (await check(resolver_for(server))).outcome

    return run(work())


def txt(*texts: str) -> Script:
    return records("TXT", *(f'"{text}"' for text in texts))


@pytest.mark.parametrize(
    ("zone", "outcome"),
    [
        ({("_dmarc.mail.customer.example", "TXT"): txt("v=DMARC1; p=none")}, "passed"),
        ({("_dmarc.customer.example", "TXT"): txt("v=DMARC1; p=none")}, "passed"),  # of the organisation
        ({("_dmarc.customer.example", "TXT"): txt("v=DMARC1; p=none; sp=never")}, "failed"),
        ({("_dmarc.mail.customer.example", "TXT"): txt("v=DMARC1; p=none", "v=DMARC1; p=reject")}, "failed"),
        ({("_dmarc.mail.customer.example", "TXT"): txt("another text")}, "failed"),
        ({("_dmarc.mail.customer.example", "TXT"): txt("v=DMARC1")}, "failed"),
        ({("_dmarc.customer.example", "TXT"): says("SERVFAIL")}, "unclear"),
        ({("_dmarc.mail.customer.example", "TXT"): silent}, "unclear"),
    ],
)
def test_policies(zone: dict[tuple[str, str], Script], outcome: str) -> None:
    assert look(zone, lambda resolver: check_policy(resolver, domain="mail.customer.example")) == outcome


@pytest.mark.parametrize(
    ("key", "wanted", "outcome"),
    [(KEY, KEY, "passed"), (KEY, "", "passed"), (KEY, LONG_KEY, "failed")],
    ids=range(3),
)
def test_the_key_must_be_the_wanted_one(key: str, wanted: str, outcome: str) -> None:
    zone = {("s1._domainkey.customer.example", "TXT"): txt(f"v=DKIM1; k=ed25519; p={key}")}
    check = lambda resolver: check_key(resolver, domain="customer.example", selector="s1", wanted=wanted)  # noqa: E731
    assert look(zone, check) == outcome


def test_two_keys_are_none() -> None:
    zone = {("s1._domainkey.customer.example", "TXT"): txt(f"k=ed25519; p={KEY}", "p=")}
    check = lambda resolver: check_key(resolver, domain="customer.example", selector="s1")  # noqa: E731
    assert look(zone, check) is Outcome.FAILED


@pytest.mark.parametrize(("record", "outcome"), [("v=spf1 -all", "unclear"), ("some text", "failed")])
def test_permission_of_addresses_that_are_not_known(record: str, outcome: str) -> None:
    zone = {("customer.example", "TXT"): txt(record)}
    check = lambda resolver: check_permission(resolver, domain="customer.example", addresses=[])  # noqa: E731
    assert look(zone, check) == outcome


def test_each_of_our_addresses_must_be_permitted() -> None:
    zone = {("customer.example", "TXT"): txt("v=spf1 ip4:192.0.2.1 -all")}
    both = ["192.0.2.1", "192.0.2.2"]
    check = lambda resolver: check_permission(resolver, domain="customer.example", addresses=both)  # noqa: E731
    assert look(zone, check) is Outcome.FAILED
