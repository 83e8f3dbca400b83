from __future__ import annotations

import re
from collections import Counter

import pytest

from verification.engine.providers import PROVIDERS, organisation_of, provider_of


@pytest.mark.parametrize(
    ("mx_host", "name"),
    [
        ("gmail-smtp-in.l.google.com", "google"),
        ("ASPMX.L.GOOGLE.COM.", "google"),
        ("aspmx2.googlemail.com", "google"),
        ("example-com.mail.protection.outlook.com", "microsoft-365"),
        ("example-com.x-v1.mx.microsoft", "microsoft-365"),
        ("outlook-com.olc.protection.outlook.com", "outlook.com"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx-aol.mail.gm0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "icloud"),
        ("mx00.emig.gmx.net", "gmx"),
        ("mx-ha02.web.de", "gmx"),
        ("mx0a-00123.pphosted.com", "proofpoint"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("d12345.a.ess.barracudanetworks.com", "barracuda"),
        ("mx1.hc123-45.eu.iphmx.com", "cisco"),
        ("in1-smtp.messagingengine.com", "fastmail"),
        ("mail.protonmail.ch", "proton"),
        ("mx.yandex.net", "yandex"),
        ("mxs.mail.ru", "mail.ru"),
        ("mx1.qq.com", "qq"),
        ("163mx01.mxmail.netease.com", "netease"),
        ("mx1.mail.ovh.net", "ovh"),
        ("mx00.ionos.co.uk", "ionos"),
        ("smtpin.rzone.de", "strato"),
        ("mailstore1.secureserver.net", "godaddy"),
    ],
)
def test_provider_of(mx_host: str, name: str) -> None:
    provider = provider_of(mx_host)
    assert provider is not None
    assert provider.name == name


@pytest.mark.parametrize(
    "mx_host", ["mx.example.com", "notgoogle.com", "google.com.example.net", "com", "", "192.0.2.1"]
)
def test_no_provider(mx_host: str) -> None:
    assert provider_of(mx_host) is None


@pytest.mark.parametrize(
    ("mx_host", "address", "organisation"),
    [
        ("alt1.aspmx.l.google.com", "192.0.2.1", "google"),
        ("mx.bulk-1.test", "127.1.0.7", "bulk-1.test"),
        ("MX.Bulk-1.test.", "127.1.0.7", "bulk-1.test"),
        ("bulk-1.test", "127.1.0.7", "bulk-1.test"),
        ("mail.firm.co.uk", "192.0.2.1", "firm.co.uk"),
        ("mail.firm.de", "", "firm.de"),
        ("co.uk", "192.0.2.77", "192.0.2.0/24"),
        ("[192.0.2.77]", "192.0.2.77", "192.0.2.0/24"),
        ("192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
        ("[IPv6:2001:db8:1:2::3]", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("[IPv6:::ffff:192.0.2.77]", "::ffff:192.0.2.77", "192.0.2.0/24"),
        ("", "192.0.2.77", "192.0.2.0/24"),
        ("co.uk", "", "co.uk"),
        ("", "", ""),
    ],
)
def test_organisation_of(mx_host: str, address: str, organisation: str) -> None:
    assert organisation_of(mx_host, address) == organisation


def test_rows_have_a_reason_a_month_and_suffixes_of_their_own() -> None:
    suffixes = Counter(suffix for provider in PROVIDERS for suffix in provider.suffixes)
    assert [suffix for suffix, count in suffixes.items() if count > 1] == []
    assert [suffix for suffix in suffixes if suffix != suffix.lower() or suffix[0] == "."] == []
    assert max(Counter(provider.name for provider in PROVIDERS).values()) == 1
    assert [p.name for p in PROVIDERS if not p.reason or not re.fullmatch(r"20\d\d-\d\d", p.since)] == []


def test_only_yahoo_accepts_everybody_and_nobody_refuses_everybody() -> None:
    assert [provider.name for provider in PROVIDERS if provider.accepts_everybody] == ["yahoo"]
    assert [provider.name for provider in PROVIDERS if provider.refuses_everybody] == []
