from __future__ import annotations

import pytest

from verification.engine.geo import country_of, country_of_domain


@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("8.8.8.8", "US"),
        ("193.0.0.1", "NL"),
        ("2001:67c:2e8::1", "NL"),
        ("::ffff:8.8.8.8", "US"),
        ("127.1.0.1", ""),
        ("10.0.0.1", ""),
        ("192.168.1.1", ""),
        ("100.64.0.1", ""),
        ("169.254.1.1", ""),
        ("192.0.2.1", ""),
        ("224.0.0.1", ""),
        ("255.255.255.255", ""),
        ("::1", ""),
        ("fe80::1", ""),
        ("fd00::1", ""),
        ("2001:db8::1", ""),
        ("ff0e::1", ""),
        ("::ffff:10.0.0.1", ""),
        ("", ""),
        ("nonsense", ""),
        ("8.8.8.8/24", ""),
    ],
)
def test_country_of(ip: str, country: str) -> None:
    assert country_of(ip) == country


@pytest.mark.parametrize(
    ("domain", "country"),
    [
        ("example.de", "DE"),
        ("example.co.uk", "GB"),
        ("example.CH", "CH"),
        ("example.xn--p1ai", "RU"),
        ("example.io", "IO"),
        ("example.com", ""),
        ("example.eu", ""),
        ("example.test", ""),
        ("example.zz", ""),
        ("[192.0.2.1]", ""),
        ("", ""),
    ],
)
def test_country_of_domain(domain: str, country: str) -> None:
    assert country_of_domain(domain) == country
