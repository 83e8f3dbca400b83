"""Texts that somebody, somewhere, has put into a field for e-mail addresses, or will."""

from __future__ import annotations

# fmt: off
_WORDS = (
    *("", " ", "  ", "\t", "\n", "\r\n", "\x00", "\x00\x00\x00", "\x7f", "\x1b[31mred\x1b[0m", "\x08\x08\x08"),
    *("\ufeff",),
    *("null", "NULL", "None", "nil", "undefined", "NaN", "Infinity", "-1", "0", "1e309", "0x7f000001", "true", "false"),
    *("N/A", "n/a", "none@none", "test@test", "a@a", "@", "@@", "@@@", ".", "..", "...", "@.", ".@", ".@."),
    *("-@-", "_@_"),
    *("con", "aux", "nul", "../../etc/passwd", "..\\..\\windows\\win.ini", "/dev/null", "C:\\", "file:///etc/passwd"),
    *("mailto:jane@example.com", "smtp://example.com", "http://127.0.0.1/", "//example.com", "jane@example.com/path"),
)
_INJECTIONS = (
    *("a\r\nRCPT TO:<b@example.com>", "a\nDATA", "a\rQUIT", "a\r\n.\r\nMAIL FROM:<x@y.z>", "a\u2028RCPT TO:<b@c.d>"),
    *("a>\r\nDATA\r\n<", "a> SMTPUTF8", "a>NOTIFY=NEVER", "<>", "<a>", "<<a>>", "a<b>c", '"a\r\n"'),
    *('"a\\\r\n"', '"a\0"'),
    *("a%0d%0aDATA", "a%00b", "a\\r\\nDATA", "a\x0bDATA", "a\x0cDATA", "a\x85DATA", "a\u2029DATA"),
    *("a\x1cDATA", "a\x1eb"),
    *("'; DROP TABLE accounts; --", "' OR 1=1 --", '" OR ""="', "1;SELECT pg_sleep(10)", "admin'--"),
    *("') UNION SELECT 1--",),
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "{{7*7}}"),
    *("${7*7}", "#{7*7}"),
    *("<%= 7*7 %>", "{% debug %}", "$(reboot)", "`reboot`", "| reboot", "; reboot", "& ping -c 9 127.0.0.1 &", "$HOME"),
    *("=1+1", "+1+1", "-1+1", "@SUM(A1:A9)", "=cmd|'/C calc'!A0", "%s%s%s%s%n", "%x%x%x", "%d", "%", "%%", "{0}", "{}"),
    *("${jndi:ldap://127.0.0.1/a}", "() { :; }; reboot", "<!ENTITY x SYSTEM 'file:///etc/passwd'>", "]]>"),
    *("<!--", "\\"),
    *("*)(uid=*))(|(uid=*", "*", "(|(a=*))", "!bang!path", "host!user", "user%host", "@relay,@two:user"),
    *("a:b", "a;b", "a,b"),
)
_QUOTES = (
    *('"', '""', '"""', '"a', 'a"', '"a"', '"a"b', 'a"b"c', '"a"."b"', '"\\"', '"\\\\"', '"\\""', '" "'),
    *('"@"', '"a@b"'),
    *('"' * 63, '"' + "\\" * 62 + '"', '"a b"', '" a"', '"\t"', '"é"', '"<>"', '"a>"', '"a\\>b"', '">\\"<"'),
    *("'a'", "`a`"),
    *("(a)", "(a)b", "a(b)", "((()))", "(", ")", "(\\", "a (comment) b", "Jane <jane", "Jane <jane@x>"),
    *("jane>", "[a]", "[", "]"),
)
_DOMAINS = (
    *("[127.0.0.1]", "[10.0.0.1]", "[IPv6:::1]", "[IPv6:::ffff:127.0.0.1]", "[IPv6:fe80::1%lo]", "[127.1]"),
    *("[0]", "[]", "[[]]"),
    *("[127.0.0.1", "127.0.0.1]", "[x:y]", "[IPv6:]", "[ipv6:1]", "[999.9.9.9]", "[1.2.3.4.5]", "127.0.0.1"),
    *("2130706433", "0177.0.0.1"),
    *("localhost", "localhost.", "localdomain", "example", "example.", "example..com", ".example.com"),
    *("example.com.", "-a.com", "a-.com"),
    *("a_b.com", "a b.com", "a\tb.com", "a.com\n", "a\x00.com", "a.c\u00ad om", "xn--", "xn--a", "xn--a-.com"),
    *("xn--55qx5d.cn", "xn--999999b.com"),
    *("a." * 126 + "b", "a." * 127 + "b", "a" * 63 + ".com", "a" * 64 + ".com", "example.com:25"),
    *("example.com#", "example.com?x", "1.2.3"),
    *("exa\u200bmple.com", "exa\u00admple.com", "\u0430pple.com", "g\u043e\u043egle.com", "ex\u0430mple.com"),
    *("faß.de", "straße.example"),
    *("例え.テスト", "пример.испытание", "مثال.إختبار", "उदाहरण.परीक्षा", "\u3002\u3002", "a\u3002b", "a\uff0eb"),
    *("ａ.ｃｏｍ", "①.com", "☃.net", "💩.la"),
)
_UNICODE = (
    *("é", "e\u0301", "ß", "ẞ", "ı", "İ", "ﬃ", "Å", "\u212b", "\u1e9b\u0323", "K", "ſ", "Ω"),
    *("Z" + "\u0300" * 30, "\u0300", "\u200d"),
    *("\ud800", "\udfff", "\ud83d", "\udca9", "\ud83d\udca9", "a\udcffb", "\udc80\udcfe\udcff", "\ufffd"),
    *("\ufffe", "\uffff", "\U0010ffff", "\ue000"),
    *("\u202ecod.exe", "\u202dabc\u202c", "\u2066a\u2069", "\u200fabc", "\u061cabc", "\u200babc", "\u2060"),
    *("\ufeffabc", "\u00a0", "\u3000", "\u2003a"),
    *("👩‍👩‍👧‍👦", "🏴\U000e0067\U000e0062\U000e007f", "🇩🇪", "1️⃣", "👍🏿", "田中さん", "사회과학원", "Ⱥ"),
    *("𠜎𠜱𠝹", "𝒥𝒶𝓃𝑒", "ʇsǝʇ", "Ṱ̺̺o͞"),
    *("раураl", "jаne", "jane\u0455", "\u03b1dmin", "adm\u0456n", "\u2010", "\u2013", "\u2018a\u2019"),
    *("\u201ca\u201d", "\uff20", "a\uff20b", "﹫", "\ufe6b"),
    *("a" * 63, "a" * 64, "a" * 65, "a" * 255, "a" * 5_000, "é" * 32, "é" * 33, "中" * 21, "中" * 22, "." * 64),
    *("+" * 64, "-" * 64, "a." * 32, "a+" * 32),
)
NAUGHTY: tuple[str, ...] = tuple(dict.fromkeys((*_WORDS, *_INJECTIONS, *_QUOTES, *_DOMAINS, *_UNICODE)))
