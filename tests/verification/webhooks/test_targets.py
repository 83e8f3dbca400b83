"""Which URLs are taken, and where a name may lead: never inside (promise 16)."""

from __future__ import annotations

import asyncio

import pytest
from pytest_django import Settings

from tests.fixtures_mail_world import MailWorld
from verification.domain.probing import engine_config
from verification.domain.webhooks.targets import Target, TargetRefused, UrlUnfit, Vetting, read_url


@pytest.fixture(autouse=True)
def as_in_production(settings: Settings) -> None:
    settings.WEBHOOKS_ANYWHERE = False


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.com", Target("https", "hooks.example.com", 443, "/")),
        ("https://hooks.example.com:443/a?b=c&d", Target("https", "hooks.example.com", 443, "/a?b=c&d")),
        ("https://Bücher.example/x", Target("https", "xn--bcher-kva.example", 443, "/x")),
        ("https://8.8.8.8/x", Target("https", "8.8.8.8", 443, "/x")),
        ("https://[2606:4700::1111]/", Target("https", "2606:4700::1111", 443, "/")),
    ],
)
def test_taken(url: str, target: Target) -> None:
    assert read_url(url) == target


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "The URL must begin with https://."),
        ("ftp://example.com/", "The URL must begin with https://."),
        ("http://example.com/", "The URL must begin with https://."),
        ("https:///x", "The URL's host is no name that the DNS knows."),
        ("https://localhost/", "The URL's host needs a domain."),
        ("https://intranet/", "The URL's host needs a domain."),
        ("https://example.com:8443/", "The port must be 443."),
        ("https://example.com:99999/", "This is no URL."),
        ("https://[::1/", "This is no URL."),
        ("https://u:p@example.com/", "Name and password do not belong into the URL: anybody who sees it reads them."),
        ("https://example.com/#part", "A fragment (#…) is never sent; leave it out."),
        ("https://exa mple.com/", "A URL holds no spaces, backslashes or control characters."),
        ("https://example.com\\@127.0.0.1/", "A URL holds no spaces, backslashes or control characters."),
        ("https://example.com/\n", "A URL holds no spaces, backslashes or control characters."),
        ("https://example.com/" + "a" * 981, "A URL has at most 1,000 characters."),
        *(
            (f"https://{host}/", "This address is not on the internet.")
            for host in (
                *("127.0.0.1", "127.1.0.53", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
                *("100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]"),
                *("[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
            )
        ),
        *(
            (f"https://{host}/", "The URL's host is no name that the DNS knows.")
            for host in ("2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.01", "1.2.3.4.5")
        ),
    ],
)
def test_refused(url: str, why: str) -> None:
    with pytest.raises(UrlUnfit) as refusal:
        read_url(url)
    assert str(refusal.value) == why


def address_of(host: str) -> str:
    async def go() -> str:
        vetting = Vetting(engine_config())
        try:
            return await vetting.address_of(host)
        finally:
            await vetting.aclose()

    return asyncio.run(go())


@pytest.fixture
def world(settings: Settings, mail_world: MailWorld) -> MailWorld:
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    return mail_world


@pytest.mark.parametrize("host", ["mx.loopback.test", "mx.private.test", "mx.ok.test"])
def test_a_name_that_leads_inside_is_refused(world: MailWorld, host: str) -> None:
    with pytest.raises(TargetRefused, match="Its address is not on the internet"):
        address_of(host)


def test_a_name_that_leads_nowhere_is_refused(world: MailWorld) -> None:
    with pytest.raises(TargetRefused, match=r"The DNS knows no address of nothing\.nxdomain\.test"):
        address_of("nothing.nxdomain.test")


def test_an_opened_network_is_reached(world: MailWorld, settings: Settings) -> None:
    settings.ALLOWED_NETWORKS = ["127.1.0.0/16"]
    assert address_of("mx.ok.test").startswith("127.1.")


def test_in_development_this_machine_is_reached_by_http_on_any_port(settings: Settings) -> None:
    settings.WEBHOOKS_ANYWHERE = True
    assert read_url("http://127.0.0.1:9000/x") == Target("http", "127.0.0.1", 9000, "/x")
    assert read_url("http://localhost:9000/x") == Target("http", "localhost", 9000, "/x")
    assert address_of("localhost") == "127.0.0.1"
    with pytest.raises(UrlUnfit):
        read_url("http://10.0.0.1/")
