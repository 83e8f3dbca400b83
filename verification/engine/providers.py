"""Who runs a mail host, and what its answers are worth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from publicsuffixlist import PublicSuffixList


@dataclass(frozen=True, slots=True)
class Provider:
    """A runner of mail hosts.  `since`: the month from which the row is known to hold or was last looked at.

    `accepts_everybody`: its 250 says nothing of a mailbox; `refuses_everybody`: nor does its 550.
    """

    name: str
    suffixes: tuple[str, ...]  # of the names of its MX hosts
    accepts_everybody: bool
    refuses_everybody: bool
    reason: str
    since: str


def provider_of(mx_host: str) -> Provider | None:
    """Find the provider that runs a mail host by the longest suffix of its name."""
    by_suffix = _by_suffix()
    return next((by_suffix[name] for name in _itself_and_parents(_canonical(mx_host)) if name in by_suffix), None)


def load() -> None:
    """Read the list of public suffixes now, as lists.load does."""
    _suffixes()
    _by_suffix()


def organisation_of(mx_host: str, address: str) -> str:
    """Name whom connections burden: the provider, else the registrable domain, else the /24 or /48 of `address`."""
    return _organisation_by_name(_canonical(mx_host)) or _block_of(address) or _canonical(mx_host)


@lru_cache(maxsize=16_384)
def _organisation_by_name(host: str) -> str:
    if provider := provider_of(host):
        return provider.name
    if "[" in host or ":" in host or host.rpartition(".")[2].isdigit():
        return ""  # an address in place of a name
    return _suffixes().privatesuffix(host) or ""


@lru_cache(maxsize=4_096)
def _block_of(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    return str(ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def _canonical(host: str) -> str:
    return host.rstrip(".").lower()


def _itself_and_parents(host: str) -> Iterator[str]:
    while host:
        yield host
        host = host.partition(".")[2]


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # some 0.2 s, so once and when first needed


@cache
def _by_suffix() -> dict[str, Provider]:
    return {suffix: provider for provider in PROVIDERS for suffix in provider.suffixes}


def _at_rcpt(name: str, *suffixes: str) -> Provider:
    reason = "known to refuse unknown mailboxes at RCPT; its answers are taken as they are"
    return Provider(name, suffixes, False, False, reason, "2026-11")


def _by_customer(name: str, *suffixes: str) -> Provider:
    reason = "hosts or filters for others: whether recipients are checked is each customer's choice, the probe tells"
    return Provider(name, suffixes, False, False, reason, "2026-11")


PROVIDERS: tuple[Provider, ...] = (
    # whose answers are worth less than they look
    Provider(
        "yahoo",
        ("yahoodns.net", "mx.aol.com"),
        accepts_everybody=True,
        refuses_everybody=False,
        reason="says 250 to every RCPT and refuses unknown mailboxes after DATA only; Yahoo, AOL and their brands",
        since="2014-04",
    ),
    Provider(
        "mail.ru",
        ("mail.ru",),
        accepts_everybody=False,
        refuses_everybody=False,
        reason="said at times to accept unknown mailboxes and to bounce later; the catch-all probe tells for the day",
        since="2023-06",
    ),
    Provider(
        "microsoft-365",
        (
            "mail.protection.outlook.com",
            "mail.protection.partner.outlook.cn",
            "mail.protection.office365.us",
            "mail.eo.outlook.com",
            "mx.microsoft",
        ),
        accepts_everybody=False,
        refuses_everybody=False,
        reason="550 5.4.1 for unknown mailboxes where the tenant edge-blocks, else 250 to all; 5.7.x is about us",
        since="2021-03",
    ),
    Provider(
        "outlook.com",
        ("olc.protection.outlook.com", "hotmail.com"),
        accepts_everybody=False,
        refuses_everybody=False,
        reason="550 5.5.0 for unknown mailboxes; 550 5.7.1 (S3140, S3150) means our network is blocked",
        since="2026-11",
    ),
    Provider(
        "icloud",
        ("mail.icloud.com", "icloud.com", "apple.com"),
        accepts_everybody=False,
        refuses_everybody=False,
        reason="550 5.1.1 for unknown mailboxes; asks Proofpoint's list first, whose refusal is about us",
        since="2024-05",
    ),
    Provider(
        "t-online",
        ("t-online.de",),
        accepts_everybody=False,
        refuses_everybody=False,
        reason="554 in place of the greeting for hosts it does not know, which is about us; honest behind it",
        since="2026-11",
    ),
    # mailboxes of the public, and hosts with a check of their own
    _at_rcpt("google", "google.com", "googlemail.com", "psmtp.com"),
    _at_rcpt("gmx", "gmx.net", "web.de", "mail.com", "gmx.com"),
    _at_rcpt("yahoo-japan", "yahoo.co.jp"),
    _at_rcpt("proton", "protonmail.ch", "proton.me"),
    _at_rcpt("tuta", "tutanota.de"),
    _at_rcpt("fastmail", "messagingengine.com"),
    _at_rcpt("zoho", "zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.com.cn", "zoho.jp", "zohomail.com"),
    _at_rcpt("yandex", "yandex.net", "yandex.ru"),
    _at_rcpt("rambler", "rambler.ru"),
    _at_rcpt("ukr.net", "ukr.net"),
    _at_rcpt("qq", "qq.com"),
    _at_rcpt("netease", "netease.com", "163.com", "126.com"),
    _at_rcpt("sina", "sina.com", "sina.com.cn", "sina.cn"),
    _at_rcpt("naver", "naver.com"),
    _at_rcpt("kakao", "hanmail.net", "daum.net", "kakao.com"),
    _at_rcpt("freenet", "freenet.de"),
    _at_rcpt("posteo", "posteo.de"),
    _at_rcpt("mailbox.org", "mailbox.org"),
    _at_rcpt("orange", "orange.fr", "wanadoo.fr"),
    _at_rcpt("free.fr", "free.fr", "proxad.net"),
    _at_rcpt("laposte", "laposte.net"),
    _at_rcpt("sfr", "sfr.fr"),
    _at_rcpt("libero", "libero.it", "iol.it"),
    _at_rcpt("seznam", "seznam.cz"),
    _at_rcpt("wp.pl", "wp.pl"),
    _at_rcpt("onet", "onet.pl"),
    _at_rcpt("interia", "interia.pl"),
    _at_rcpt("abv", "abv.bg"),
    _at_rcpt("bluewin", "bluewin.ch"),
    _at_rcpt("comcast", "comcast.net"),
    _at_rcpt("charter", "charter.net", "spectrum.com"),
    _at_rcpt("cox", "cox.net"),
    _at_rcpt("uol", "uol.com.br"),
    _at_rcpt("terra", "terra.com", "terra.com.br"),
    _at_rcpt("rediff", "rediffmail.com", "rediffmailpro.com"),
    # gateways in front of somebody else's server
    _by_customer("proofpoint", "pphosted.com", "ppe-hosted.com", "gpphosted.com"),
    _by_customer("mimecast", "mimecast.com", "mimecast.co.za", "mimecast-offshore.com"),
    _by_customer("barracuda", "barracudanetworks.com"),
    _by_customer("cisco", "iphmx.com"),
    _by_customer("broadcom", "messagelabs.com"),
    _by_customer("trend-micro", "trendmicro.com", "trendmicro.eu"),
    _by_customer("sophos", "sophos.com"),
    _by_customer("forcepoint", "mailcontrol.com"),
    _by_customer("fortinet", "fortimailcloud.com"),
    _by_customer("hornetsecurity", "hornetsecurity.com", "antispameurope.com"),
    _by_customer("n-able", "antispamcloud.com"),
    _by_customer("siteground", "mailspamprotection.com"),
    _by_customer("vade", "vadesecure.com"),
    _by_customer("retarus", "retarus.com"),
    _by_customer("trellix", "fireeyecloud.com"),
    # hosts of domains
    _by_customer(
        "ionos", "kundenserver.de", "ionos.com", "ionos.de", "ionos.co.uk", "ionos.fr", "ionos.es", "1and1.com"
    ),
    _by_customer("strato", "rzone.de"),
    _by_customer("ovh", "ovh.net", "ovh.ca"),
    _by_customer("gandi", "gandi.net"),
    _by_customer("infomaniak", "infomaniak.ch"),
    _by_customer("godaddy", "secureserver.net"),
    _by_customer("namecheap", "privateemail.com", "registrar-servers.com"),
    _by_customer("rackspace", "emailsrvr.com"),
    _by_customer("tucows", "hostedemail.com"),
    _by_customer("hostinger", "hostinger.com"),
    _by_customer("titan", "titan.email"),
    _by_customer("aruba", "aruba.it"),
    _by_customer("one.com", "one.com"),
    _by_customer("loopia", "loopia.se"),
    _by_customer("alibaba", "mxhichina.com", "aliyun.com"),
    _by_customer("locaweb", "locaweb.com.br"),
    _by_customer("migadu", "migadu.com"),
    _by_customer("mxroute", "mxrouting.net"),
    _by_customer("critical-path", "cpcloud.co.uk"),
    _by_customer(
        "amazon", *(f"inbound-smtp.{region}.amazonaws.com" for region in ("us-east-1", "us-west-2", "eu-west-1"))
    ),
    # receive for programs or forward
    _by_customer("cloudflare", "mx.cloudflare.net"),
    _by_customer("improvmx", "improvmx.com"),
    _by_customer("forward-email", "forwardemail.net"),
    _by_customer("simplelogin", "simplelogin.co"),
    _by_customer("mailgun", "mailgun.org"),
    _by_customer("sendgrid", "sendgrid.net"),
    _by_customer("postmark", "inbound.postmarkapp.com"),
)
