"""A table of texts, what they are and the clause that says so."""

from __future__ import annotations

import pytest

from verification.engine.syntax import parse
from verification.engine.types import SyntaxFault

NO_AT = SyntaxFault.NO_AT_SIGN
MANY_AT = SyntaxFault.TOO_MANY_AT_SIGNS
LOCAL = SyntaxFault.BAD_LOCAL_PART
DOMAIN = SyntaxFault.BAD_DOMAIN

L63 = "l" * 63
L64 = "l" * 64
LONG_AS_A_LABELS = f"{'ü' * 30}." * 7 + "de"
D253 = f"{L63}.{L63}.{L63}.{'d' * 57}.com"

GOOD = [  # text, mailbox, clause
    ("jane@example.com", "jane@example.com", "5321 4.1.2 Mailbox"),
    ("Jane.Doe@Example.COM", "Jane.Doe@example.com", "5321 2.4: only the domain is without case"),
    ("j@x.co", "j@x.co", "5321 4.1.2"),
    ("a.b.c.d@example.com", "a.b.c.d@example.com", "5321 4.1.2 Dot-string"),
    ("jane+tag@example.com", "jane+tag@example.com", "5322 3.2.3 atext"),
    ("jane-doe@example.com", "jane-doe@example.com", "5322 3.2.3 atext"),
    ("-jane@example.com", "-jane@example.com", "5322 3.2.3 atext"),
    ("jane-@example.com", "jane-@example.com", "5322 3.2.3 atext"),
    ("_@example.com", "_@example.com", "5322 3.2.3 atext"),
    ("12345@example.com", "12345@example.com", "5322 3.2.3 atext"),
    ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com", "5322 3.2.3 atext"),
    ("user%host@example.com", "user%host@example.com", "5322 3.2.3 atext"),
    ("bang!path@example.com", "bang!path@example.com", "5322 3.2.3 atext"),
    ("a/b=c@example.com", "a/b=c@example.com", "5322 3.2.3 atext"),
    ("o'brien@example.ie", "o'brien@example.ie", "5322 3.2.3 atext"),
    (f"{L64}@example.com", f"{L64}@example.com", "5321 4.5.3.1.1: 64 octets"),
    (f"jane@{L63}.com", f"jane@{L63}.com", "1035 2.3.4: 63 octets"),
    (f"jane@a.{L63}", f"jane@a.{L63}", "1035 2.3.4: 63 octets"),
    (f"j@{D253[1:]}", f"j@{D253[1:]}", "5321 4.5.3.1.3: 254 octets in all"),
    ("jane@a.b.c.d.e.example.com", "jane@a.b.c.d.e.example.com", "5321 4.1.2 Domain"),
    ("jane@ex-ample.com", "jane@ex-ample.com", "5321 4.1.2 Ldh-str"),
    ("jane@ex--ample.com", "jane@ex--ample.com", "5321 4.1.2 Ldh-str"),
    ("jane@1and1.com", "jane@1and1.com", "1123 2.1: a digit may be first"),
    ("jane@123.com", "jane@123.com", "1123 2.1"),
    ("jane@1.2.3.com", "jane@1.2.3.com", "1123 2.1"),
    ("jane@x.y", "jane@x.y", "5321 4.1.2: a label may have one letter"),
    ("jane@x.3com", "jane@x.3com", "3696 2: not all numeric"),
    ("jane@x.c-m", "jane@x.c-m", "5321 4.1.2 Ldh-str"),
    ("jane@example.museum", "jane@example.museum", "3696 2: any length"),
    ("jane@mx.bulk-1.test", "jane@mx.bulk-1.test", "6761 6.2"),
    ("jane@xn--mller-kva.de", "jane@xn--mller-kva.de", "5890 2.3.2.1 A-label"),
    ("jane@XN--MLLER-KVA.de", "jane@xn--mller-kva.de", "5890 2.3.2.1: no case"),
    ("jane@xn--i-7iq.ws", "jane@xn--i-7iq.ws", "5891 5.3: A-labels may go to the DNS untested"),
    ("jane@example.xn--p1ai", "jane@example.xn--p1ai", "5890 2.3.2.1"),
    # quoted
    ('"jane"@example.com', "jane@example.com", "5321 4.1.2: same mailbox with and without"),
    ('"jane.doe"@example.com', "jane.doe@example.com", "5321 4.1.2"),
    ('"ja\\ne"@example.com', "jane@example.com", "5321 4.1.2 quoted-pairSMTP"),
    ('"jane doe"@example.com', '"jane doe"@example.com', "5321 4.1.2 qtextSMTP"),
    ('" "@example.com', '" "@example.com', "5321 4.1.2 qtextSMTP"),
    ('""@example.com', '""@example.com', "5321 4.1.2 *QcontentSMTP"),
    ('"a@b"@example.com', '"a@b"@example.com', "5321 4.1.2 qtextSMTP"),
    ('"a@b@c"@example.com', '"a@b@c"@example.com', "5321 4.1.2 qtextSMTP"),
    ('"a\\@b"@example.com', '"a@b"@example.com', "5321 4.1.2 quoted-pairSMTP"),
    ('"a\\"b"@example.com', '"a\\"b"@example.com', "5321 4.1.2 quoted-pairSMTP"),
    ('"a\\\\b"@example.com', '"a\\\\b"@example.com', "5321 4.1.2 quoted-pairSMTP"),
    ('"a\\ b"@example.com', '"a b"@example.com', "5321 4.1.2 quoted-pairSMTP"),
    ('"a..b"@example.com', '"a..b"@example.com', "5321 4.1.2 qtextSMTP"),
    ('".a"@example.com', '".a"@example.com', "5321 4.1.2 qtextSMTP"),
    ('"a(b)c"@example.com', '"a(b)c"@example.com', "5321 4.1.2 qtextSMTP"),
    ('"<>[]:,;"@example.com', '"<>[]:,;"@example.com', "5321 4.1.2 qtextSMTP"),
    ('"\\a\\b"@example.com', "ab@example.com", "5321 4.1.2 quoted-pairSMTP"),
    (f'"{"q" * 62}"@example.com', f"{'q' * 62}@example.com", "5321 4.5.3.1.1: the quotes count"),
    ('"jane"@Example.com', "jane@example.com", "5321 2.4"),
    # address literals
    ("jane@[192.0.2.1]", "jane@[192.0.2.1]", "5321 4.1.3"),
    ("jane@[255.255.255.255]", "jane@[255.255.255.255]", "5321 4.1.3: routing is not syntax"),
    ("jane@[IPv6:2001:db8::1]", "jane@[IPv6:2001:db8::1]", "5321 4.1.3"),
    ("jane@[ipv6:2001:DB8::1]", "jane@[IPv6:2001:db8::1]", "5234 2.3: literals have no case"),
    ("jane@[IPv6:2001:db8:0:0:0:0:0:1]", "jane@[IPv6:2001:db8::1]", "5952 4"),
    ("jane@[IPv6:::1]", "jane@[IPv6:::1]", "5321 4.1.3 IPv6-comp"),
    ("jane@[IPv6:::]", "jane@[IPv6:::]", "5321 4.1.3 IPv6-comp"),
    ("jane@[IPv6:::ffff:192.0.2.1]", "jane@[IPv6:::ffff:c000:201]", "5321 4.1.3 IPv6v4-comp"),
    ("jane@[IPv6:1:2:3:4:5:6:7:8]", "jane@[IPv6:1:2:3:4:5:6:7:8]", "5321 4.1.3 IPv6-full"),
    # internationalized
    ("josé@example.com", "josé@example.com", "6531 3.3"),
    ("用户@example.com", "用户@example.com", "6531 3.3"),
    ("δοκιμή@παράδειγμα.δοκιμή", "δοκιμή@xn--hxajbheg2az3al.xn--jxalpdlp", "6531 3.3"),
    ('"josé maría"@example.com', '"josé maría"@example.com', "6531 3.3 qtextSMTP"),
    ('"josé"@example.com', "josé@example.com", "6531 3.3"),
    ("😀@example.com", "😀@example.com", "6531 3.3 UTF8-non-ascii"),
    ("jane@müller.de", "jane@xn--mller-kva.de", "5891 5"),
    ("jane@MÜLLER.DE", "jane@xn--mller-kva.de", "5895 2: lower case"),
    ("jane@straße.de", "jane@xn--strae-oqa.de", "5894 7.2: sharp s stays"),
    ("jane@βόλος.com", "jane@xn--nxasmm1c.com", "5894 7.2: final sigma stays"),
    ("jane@mu\u0308ller.de", "jane@xn--mller-kva.de", "5895 2: NFC"),
    ("jane@例え.テスト", "jane@xn--r8jz45g.xn--zckzah", "5891 5"),
    ("jane@例え。テスト", "jane@xn--r8jz45g.xn--zckzah", "5895 2: ideographic full stop"),
    ("jane@ｅｘａｍｐｌｅ.com", "jane@example.com", "5895 2: width"),
    ("jane@пример.рф", "jane@xn--e1afmkfd.xn--p1ai", "5891 5"),
    ("jane@مثال.إختبار", "jane@xn--mgbh0fb.xn--kgbechtv", "5893 2"),
    ("jane@b\u200b.com", "jane@b.com", "UTS 46 4: ignored"),
    ("jane@sub.müller.example.com", "jane@sub.xn--mller-kva.example.com", "5891 5"),
    ("ａ@example.com", "ａ@example.com", "6531 3.3: no mapping before the at-sign"),
    ("jose\u0301@example.com", "jose\u0301@example.com", "6531 3.3: no mapping before the at-sign"),
    ("é" * 32 + "@example.com", "é" * 32 + "@example.com", "6531 3.3, 5321 4.5.3.1.1: 64 octets"),
]

BAD = [  # text, fault, user, domain, clause
    ("", NO_AT, "", "", "5321 4.1.2"),
    (" ", NO_AT, " ", "", "5321 4.1.2"),
    ("jane", NO_AT, "jane", "", "5321 4.1.2"),
    ("jane.example.com", NO_AT, "jane.example.com", "", "5321 4.1.2"),
    ("jane＠example.com", NO_AT, "jane＠example.com", "", "5895 2 maps domains only"),
    ('"jane@example.com"', NO_AT, '"jane@example.com"', "", "5321 4.1.2: inside quotes"),
    ("\x00", NO_AT, "\x00", "", "5321 4.1.2"),
    ("a@b@example.com", MANY_AT, "a@b", "example.com", "5321 4.1.2"),
    ("@@example.com", MANY_AT, "@", "example.com", "5321 4.1.2"),
    ("@@", MANY_AT, "@", "", "5321 4.1.2"),
    ("a@@example.com", MANY_AT, "a@", "example.com", "5321 4.1.2"),
    ("a@b@c@example.com", MANY_AT, "a@b@c", "example.com", "5321 4.1.2"),
    ("a@example.com@", MANY_AT, "a@example.com", "", "5321 4.1.2"),
    ('a@"b@c"@example.com', MANY_AT, 'a@"b@c"', "example.com", "5321 4.1.2"),
    ('"a"@b@example.com', MANY_AT, '"a"@b', "example.com", "5321 4.1.2"),
    ('"a@b@example.com', MANY_AT, '"a@b', "example.com", "5321 4.1.2: the quote never closes"),
    ('"a\\"@b@example.com', MANY_AT, '"a\\"@b', "example.com", "5321 4.1.2: the quote never closes"),
    ("a\\@b@example.com", MANY_AT, "a\\@b", "example.com", "3696 erratum 246"),
    ("a(@)b@example.com", MANY_AT, "a(@)b", "example.com", "5321 4.1.2 knows no comment"),
    ("@relay.example,@b.example:jane@example.com", MANY_AT, "@relay.example,@b.example:jane", "example.com", "5321 C"),
    ("@example.com", LOCAL, "", "example.com", "5321 4.1.2"),
    (".jane@example.com", LOCAL, ".jane", "example.com", "5321 4.1.2 Dot-string"),
    ("jane.@example.com", LOCAL, "jane.", "example.com", "5321 4.1.2 Dot-string"),
    ("a..b@x.com", LOCAL, "a..b", "x.com", "5321 4.1.2 Dot-string"),
    (".@example.com", LOCAL, ".", "example.com", "5321 4.1.2 Dot-string"),
    ("jane doe@example.com", LOCAL, "jane doe", "example.com", "5322 3.2.3 atext"),
    (" jane@example.com", LOCAL, " jane", "example.com", "5322 3.2.3 atext"),
    ("jane @example.com", LOCAL, "jane ", "example.com", "5322 3.2.3 atext"),
    ("\tjane@example.com", LOCAL, "\tjane", "example.com", "5322 3.2.3 atext"),
    ("jane\n@example.com", LOCAL, "jane\n", "example.com", "5322 3.2.3 atext"),
    ("jane\r\nRCPT TO:<x@example.com", LOCAL, "jane\r\nRCPT TO:<x", "example.com", "5322 3.2.3 atext"),
    ("a,b@example.com", LOCAL, "a,b", "example.com", "5322 3.2.3 specials"),
    ("a;b@example.com", LOCAL, "a;b", "example.com", "5322 3.2.3 specials"),
    ("a:b@example.com", LOCAL, "a:b", "example.com", "5322 3.2.3 specials"),
    ("mailto:jane@example.com", LOCAL, "mailto:jane", "example.com", "6068 2 is no mailbox"),
    ("<jane@example.com", LOCAL, "<jane", "example.com", "5322 3.2.3 specials"),
    ("Jane <jane@example.com", LOCAL, "Jane <jane", "example.com", "5322 3.4 is for headers"),
    ("a[b@example.com", LOCAL, "a[b", "example.com", "5322 3.2.3 specials"),
    ("a\\b@example.com", LOCAL, "a\\b", "example.com", "5322 3.2.3 specials"),
    ("jane(home)@example.com", LOCAL, "jane(home)", "example.com", "5322 3.2.2 is for headers"),
    ("(home)jane@example.com", LOCAL, "(home)jane", "example.com", "5322 3.2.2 is for headers"),
    ("jane\x00@example.com", LOCAL, "jane\x00", "example.com", "5322 3.2.3 atext"),
    ("jane\x7f@example.com", LOCAL, "jane\x7f", "example.com", "5322 3.2.3 atext"),
    ("jane\x85@example.com", LOCAL, "jane\x85", "example.com", "5198 2 C1 controls"),
    ("jane\u2028@example.com", LOCAL, "jane\u2028", "example.com", "5198 2 line ends"),
    ("jane\ud800@example.com", LOCAL, "jane\ud800", "example.com", "3629 3: no surrogates"),
    (f"{L64}l@example.com", LOCAL, f"{L64}l", "example.com", "5321 4.5.3.1.1"),
    ("é" * 33 + "@example.com", LOCAL, "é" * 33, "example.com", "5321 4.5.3.1.1 counts octets"),
    (f'"{"q" * 63}"@example.com', LOCAL, f'"{"q" * 63}"', "example.com", "5321 4.5.3.1.1"),
    (f"jj@{D253[1:]}", LOCAL, "jj", D253[1:], "5321 4.5.3.1.3"),
    ('"a"b@example.com', LOCAL, '"a"b', "example.com", "5321 4.1.2 Quoted-string"),
    ('a"b"@example.com', LOCAL, 'a"b"', "example.com", "5321 4.1.2 Quoted-string"),
    ('a"b"c@example.com', LOCAL, 'a"b"c', "example.com", "5321 4.1.2 Quoted-string"),
    ('"a"."b"@example.com', LOCAL, '"a"."b"', "example.com", "5322 4.4 obs-local-part"),
    ('a."b"@example.com', LOCAL, 'a."b"', "example.com", "5322 4.4 obs-local-part"),
    ('"@example.com', LOCAL, '"', "example.com", "5321 4.1.2 Quoted-string"),
    ('"a@example.com', LOCAL, '"a', "example.com", "5321 4.1.2 Quoted-string"),
    ('"a\\"@example.com', LOCAL, '"a\\"', "example.com", "5321 4.1.2 Quoted-string"),
    ('"""@example.com', LOCAL, '"""', "example.com", "5321 4.1.2 Quoted-string"),
    ('"a\tb"@example.com', LOCAL, '"a\tb"', "example.com", "5321 4.1.2 qtextSMTP"),
    ('"a\r\n b"@example.com', LOCAL, '"a\r\n b"', "example.com", "5321 4.1.2 has no FWS"),
    ('"a\x00"@example.com', LOCAL, '"a\x00"', "example.com", "5321 4.1.2 qtextSMTP"),
    ('"a\\é"@example.com', LOCAL, '"a\\é"', "example.com", "6531 3.3 widens qtextSMTP only"),
    ('"a"\n@example.com', LOCAL, '"a"\n', "example.com", "5321 4.1.2 Quoted-string"),
    ("jane@", DOMAIN, "jane", "", "5321 4.1.2"),
    ("@", DOMAIN, "", "", "5321 4.1.2"),
    ("a..b@-x-", DOMAIN, "a..b", "-x-", "the domain is looked at first"),
    ("jane@localhost", DOMAIN, "jane", "localhost", "5321 2.3.5"),
    ("jane@com", DOMAIN, "jane", "com", "5321 2.3.5"),
    ("user@-x-", DOMAIN, "user", "-x-", "5321 4.1.2 sub-domain"),
    ("user@exa mple.com", DOMAIN, "user", "exa mple.com", "5321 4.1.2 sub-domain"),
    ("jane@-example.com", DOMAIN, "jane", "-example.com", "5321 4.1.2 sub-domain"),
    ("jane@example-.com", DOMAIN, "jane", "example-.com", "5321 4.1.2 sub-domain"),
    ("jane@example.-com", DOMAIN, "jane", "example.-com", "5321 4.1.2 sub-domain"),
    ("jane@example.com-", DOMAIN, "jane", "example.com-", "5321 4.1.2 sub-domain"),
    ("jane@.example.com", DOMAIN, "jane", ".example.com", "5321 4.1.2 Domain"),
    ("jane@example..com", DOMAIN, "jane", "example..com", "5321 4.1.2 Domain"),
    ("jane@example.com.", DOMAIN, "jane", "example.com.", "5321 4.1.2 Domain"),
    ("jane@.", DOMAIN, "jane", ".", "5321 4.1.2 Domain"),
    ("jane@example_1.com", DOMAIN, "jane", "example_1.com", "5321 4.1.2 sub-domain"),
    ("jane@_dmarc.example.com", DOMAIN, "jane", "_dmarc.example.com", "5321 4.1.2 sub-domain"),
    ("jane@example,com", DOMAIN, "jane", "example,com", "5321 4.1.2 sub-domain"),
    ("jane@example.com>", DOMAIN, "jane", "example.com>", "5321 4.1.2 sub-domain"),
    ("jane@example.com ", DOMAIN, "jane", "example.com ", "5321 4.1.2 sub-domain"),
    ("jane@example.com\n", DOMAIN, "jane", "example.com\n", "5321 4.1.2 sub-domain"),
    ("jane@example.com\x00", DOMAIN, "jane", "example.com\x00", "5321 4.1.2 sub-domain"),
    ("jane@example.com:25", DOMAIN, "jane", "example.com:25", "5321 4.1.2 sub-domain"),
    ("jane@example.com/path", DOMAIN, "jane", "example.com/path", "5321 4.1.2 sub-domain"),
    ("jane@example.com(work)", DOMAIN, "jane", "example.com(work)", "5322 3.2.2 is for headers"),
    ("jane@(work)example.com", DOMAIN, "jane", "(work)example.com", "5322 3.2.2 is for headers"),
    ('jane@"example".com', DOMAIN, "jane", '"example".com', "5321 4.1.2 sub-domain"),
    ("jane@127.0.0.1", DOMAIN, "jane", "127.0.0.1", "3696 2, 5321 4.1.3: brackets"),
    ("jane@example.123", DOMAIN, "jane", "example.123", "3696 2"),
    (f"jane@{L64}.com", DOMAIN, "jane", f"{L64}.com", "1035 2.3.4"),
    (f"jane@a.{L64}", DOMAIN, "jane", f"a.{L64}", "1035 2.3.4"),
    (f"j@d{D253}", DOMAIN, "j", f"d{D253}", "1035 3.1"),
    ("jane@" + "ü" * 63 + ".de", DOMAIN, "jane", "ü" * 63 + ".de", "5890 4.2: 63 octets as A-label"),
    ("jane@" + LONG_AS_A_LABELS, DOMAIN, "jane", LONG_AS_A_LABELS, "1035 3.1 counts A-labels"),
    ("jane@i❤.ws", DOMAIN, "jane", "i❤.ws", "5892 2.6: symbols are not allowed"),
    ("jane@\u0301example.com", DOMAIN, "jane", "\u0301example.com", "5891 4.2.3.2"),
    ("jane@a\u200db.com", DOMAIN, "jane", "a\u200db.com", "5892 A.2"),
    ("jane@ab--é.com", DOMAIN, "jane", "ab--é.com", "5891 4.2.3.1"),
    ("jane@-é.com", DOMAIN, "jane", "-é.com", "5891 4.2.3.1"),
    ("jane@مثالa.com", DOMAIN, "jane", "مثالa.com", "5893 2"),
    ("jane@é_.com", DOMAIN, "jane", "é_.com", "5891 4.2.2"),
    ("jane@exam\ud800ple.com", DOMAIN, "jane", "exam\ud800ple.com", "3629 3"),
    ("jane@exam\ufffeple.com", DOMAIN, "jane", "exam\ufffeple.com", "5892 2.6"),
    ("jane@é", DOMAIN, "jane", "é", "5321 2.3.5"),
    ("jane@[192.0.2.1", DOMAIN, "jane", "[192.0.2.1", "5321 4.1.3"),
    ("jane@192.0.2.1]", DOMAIN, "jane", "192.0.2.1]", "5321 4.1.3"),
    ("jane@[]", DOMAIN, "jane", "[]", "5321 4.1.3"),
    ("jane@[", DOMAIN, "jane", "[", "5321 4.1.3"),
    ("jane@[192.0.2]", DOMAIN, "jane", "[192.0.2]", "5321 4.1.3"),
    ("jane@[192.0.2.256]", DOMAIN, "jane", "[192.0.2.256]", "5321 4.1.3"),
    ("jane@[192.0.2.1].com", DOMAIN, "jane", "[192.0.2.1].com", "5321 4.1.3"),
    ("jane@[2001:db8::1]", DOMAIN, "jane", "[2001:db8::1]", "5321 4.1.3: the tag is needed"),
    ("jane@[IPv6:2001:db8::g]", DOMAIN, "jane", "[IPv6:2001:db8::g]", "5321 4.1.3"),
    ("jane@[IPv6:1::2::3]", DOMAIN, "jane", "[IPv6:1::2::3]", "5321 4.1.3"),
    ("jane@[IPv6:1:2:3]", DOMAIN, "jane", "[IPv6:1:2:3]", "5321 4.1.3"),
    ("jane@[IPv6:fe80::1%eth0]", DOMAIN, "jane", "[IPv6:fe80::1%eth0]", "5321 4.1.3 has no zone"),
    ("jane@[X400:a]", DOMAIN, "jane", "[X400:a]", "5321 4.1.3: no other tag is registered"),
]


@pytest.mark.parametrize(("text", "mailbox", "clause"), GOOD)
def test_reads(text: str, mailbox: str, clause: str) -> None:
    address = parse(text)
    assert (address.fault, address.fault_detail, address.mailbox) == (None, "", mailbox)
    assert address.ascii_domain == mailbox.rpartition("@")[2]
    assert address.needs_smtputf8 == (not mailbox.isascii())


@pytest.mark.parametrize(("text", "fault", "user", "domain", "clause"), BAD)
def test_refuses(text: str, fault: SyntaxFault, user: str, domain: str, clause: str) -> None:
    address = parse(text)
    assert (address.fault, address.mailbox, address.needs_smtputf8) == (fault, "", False)
    assert (address.text, address.user, address.domain) == (text, user, domain)
    assert address.fault_detail.isprintable()
    assert 20 < len(address.fault_detail) < 400


def test_the_table_is_large_and_holds_no_text_twice() -> None:
    texts = [row[0] for row in GOOD] + [row[0] for row in BAD]
    assert len(texts) == len(set(texts))
    assert len(texts) >= 150
