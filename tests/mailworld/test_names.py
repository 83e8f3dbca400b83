"""The name server of the mail world, over real sockets."""

import socket
import struct

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.fixtures_mail_world import MailWorld
from tests.mailworld.client import ask, records


@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        ("ok.test", "MX", ["10 mx.ok.test."]),
        ("ok.test", "A", []),
        ("bulk-1.test", "MX", ["10 mx.bulk-1.test."]),
        ("bulk-100000.test", "MX", ["10 mx.bulk-100000.test."]),
        ("slow-250.test", "MX", ["10 mx.slow-250.test."]),
        ("slow-250-7.test", "MX", ["10 mx.slow-250-7.test."]),
        ("greylist-pass-30.test", "MX", ["10 mx.greylist-pass-30.test."]),
        ("deadfirst.test", "MX", ["10 mx1.deadfirst.test.", "20 mx2.deadfirst.test."]),
        ("deadfirst-3.test", "MX", ["10 mx1.deadfirst-3.test.", "20 mx2.deadfirst-3.test."]),
        ("implicit.test", "MX", []),
        ("nullmx.test", "MX", ["0 ."]),
        ("nomx.test", "MX", []),
        ("nomx.test", "A", []),
        ("mx.private.test", "A", ["10.0.0.1"]),
        ("mx.loopback.test", "A", ["127.0.0.1"]),
        ("mx.mapped.test", "A", []),
        ("mx.mapped.test", "AAAA", ["::ffff:127.0.0.1"]),
        ("mx1.privatefirst.test", "A", ["10.0.0.1"]),
    ],
)
def test_records(mail_world: MailWorld, name: str, rdtype: str, expected: list[str]) -> None:
    assert records(mail_world, name, rdtype) == expected


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode"),
    [
        ("ok.test", "MX", "NOERROR"),
        ("nomx.test", "MX", "NOERROR"),
        ("test", "MX", "NOERROR"),
        ("nxdomain.test", "MX", "NXDOMAIN"),
        ("mx.nxdomain-4.test", "A", "NXDOMAIN"),
        ("nosuchname.test", "MX", "NXDOMAIN"),
        ("ok-.test", "MX", "NXDOMAIN"),
        ("ok-1-2.test", "MX", "NXDOMAIN"),
        ("slow.test", "MX", "NXDOMAIN"),
        ("other.ok.test", "A", "NXDOMAIN"),
        ("killer-exit.test", "MX", "NXDOMAIN"),
        ("servfail.test", "MX", "SERVFAIL"),
        ("servfail.test", "A", "SERVFAIL"),
        ("mxservfail.test", "MX", "SERVFAIL"),
        ("mxservfail.test", "A", "NOERROR"),
        ("example.com", "MX", "REFUSED"),
        (".", "NS", "REFUSED"),
    ],
)
def test_rcodes(mail_world: MailWorld, name: str, rdtype: str, rcode: str) -> None:
    assert dns.rcode.to_text(ask(mail_world, name, rdtype).rcode()) == rcode


def test_answers_are_authoritative_and_live_300_seconds(mail_world: MailWorld) -> None:
    reply = ask(mail_world, "ok.test", "MX")
    assert (reply.flags & dns.flags.AA, reply.answer[0].ttl) == (dns.flags.AA, 300)
    absent = ask(mail_world, "nosuchname.test", "MX")
    assert str(absent.authority[0]) == "test. 300 IN SOA ns.test. hostmaster.test. 1 3600 600 86400 300"


def test_case_of_the_question_is_kept(mail_world: MailWorld) -> None:
    assert str(ask(mail_world, "oK.TeSt", "MX").answer[0].name) == "oK.TeSt."


def test_silent_zone_answers_nobody(mail_world: MailWorld) -> None:
    with pytest.raises(dns.exception.Timeout):
        ask(mail_world, "dnstimeout.test", "MX", timeout=0.3)


@pytest.mark.parametrize("edns", [False, True])
def test_thousand_exchanges_need_tcp(mail_world: MailWorld, edns: bool) -> None:
    host, port = mail_world.dns_endpoint
    query = dns.message.make_query("thousandmx.test", "MX", use_edns=edns)
    cut = dns.query.udp(query, host, port=port, timeout=5)
    whole = dns.query.tcp(query, host, port=port, timeout=5)
    assert (cut.flags & dns.flags.TC, len(cut.answer)) == (dns.flags.TC, 0)
    assert (len(whole.answer[0]), min(str(record) for record in whole.answer[0])) == (1000, "1 mx1.thousandmx.test.")


def test_first_of_thousand_listens(mail_world: MailWorld) -> None:
    [address] = records(mail_world, "mx1.thousandmx.test", "A")
    socket.create_connection((address, mail_world.smtp_port), timeout=5).close()
    [closed] = records(mail_world, "mx2.thousandmx.test", "A")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((closed, mail_world.smtp_port), timeout=5)


def test_several_questions_over_one_connection(mail_world: MailWorld) -> None:
    queries = [dns.message.make_query(f"bulk-{number}.test", "MX") for number in range(3)]
    with socket.create_connection(mail_world.dns_endpoint, timeout=5) as connection:
        wires = [query.to_wire() for query in queries]
        connection.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in wires))
        with connection.makefile("rb") as file:
            replies = [dns.message.from_wire(file.read(struct.unpack("!H", file.read(2))[0])) for _ in queries]
    assert [query.is_response(reply) for query, reply in zip(queries, replies, strict=True)] == [True, True, True]


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x00" * 11,
        b"\x12\x34\x81\x80" + b"\x00" * 8,  # a reply
    ],
)
def test_noise_is_not_answered(mail_world: MailWorld, wire: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.settimeout(0.2)
        endpoint.sendto(wire, mail_world.dns_endpoint)
        with pytest.raises(TimeoutError):
            endpoint.recv(512)


@pytest.mark.parametrize(
    ("wire", "rcode"),
    [
        (b"\x12\x34\x01\x00\x00\x02" + b"\x00" * 6, 1),  # two questions
        (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\x05ab", 1),  # cut in the name
        (b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + b"\xc0\x0c\x00\x01\x00\x01", 1),  # a pointer to itself
        (b"\x12\x34\x28\x00\x00\x01" + b"\x00" * 6 + b"\x00\x00\x01\x00\x01", 4),  # UPDATE
    ],
)
def test_bad_questions(mail_world: MailWorld, wire: bytes, rcode: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.settimeout(5)
        endpoint.sendto(wire, mail_world.dns_endpoint)
        reply = endpoint.recv(512)
    assert (reply[:2], reply[3] & 15) == (b"\x12\x34", rcode)
