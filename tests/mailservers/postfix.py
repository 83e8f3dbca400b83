"""Postfix in its roles: one instance, an smtpd of its own settings for each role."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.mailservers.zone import BLOCK_LIST

POSTGREY_PORT = 10_023
GREY_SECONDS = 2
OWN_ADDRESS = "10.77.1.250"

_RECIPIENT = "smtpd_recipient_restrictions"
_CLIENT = "smtpd_client_restrictions"

# Role → what its smtpd does differently from main.cf.
SETTINGS: dict[str, dict[str, str]] = {
    "virtual": {},
    "local": {},
    "relay": {},
    "alias": {},
    "catchall": {},
    "grey": {_RECIPIENT: f"check_policy_service inet:127.0.0.1:{POSTGREY_PORT}"},
    "access": {_RECIPIENT: "check_recipient_access texthash:{config}/access"},
    "shut": {_RECIPIENT: "check_recipient_access texthash:{config}/access"},
    "dnsbl": {_CLIENT: f"reject_rbl_client {BLOCK_LIST}"},
    "dnsbldoor": {_CLIENT: f"reject_rbl_client {BLOCK_LIST}", "smtpd_delay_reject": "no"},
    "foreign": {"smtpd_relay_restrictions": "reject_unauth_destination"},
    "deferred": {"smtpd_relay_restrictions": "defer_unauth_destination"},
    "closed": {_RECIPIENT: "reject"},
    "login": {_RECIPIENT: "permit_sasl_authenticated, reject", "smtpd_reject_unlisted_recipient": "no"},
    "tls": {"smtpd_tls_security_level": "encrypt"},
    "tlsrcpt": {"smtpd_tls_security_level": "may", _RECIPIENT: "reject_plaintext_session"},
    "utf8": {"smtputf8_enable": "yes"},
    "ascii": {"smtputf8_enable": "no"},
    "errors": {"smtpd_soft_error_limit": "2", "smtpd_hard_error_limit": "4", "smtpd_error_sleep_time": "0"},
    "tarpit": {"smtpd_soft_error_limit": "1", "smtpd_error_sleep_time": "1s"},
    "few": {"smtpd_recipient_limit": "3"},
    "single": {"smtpd_client_connection_count_limit": "1"},
    "stepwise": {"smtpd_discard_ehlo_keywords": "pipelining, enhancedstatuscodes, size"},
    "broken": {_RECIPIENT: "check_recipient_access fail:table"},
    "brokenmap": {"virtual_mailbox_maps": "fail:table"},
    "verify": {
        "address_verify_poll_count": "5",
        "address_verify_poll_delay": "1",
        _RECIPIENT: "reject_unverified_recipient",
    },
    "verifying": {"address_verify_poll_count": "1", _RECIPIENT: "reject_unverified_recipient"},
    "verifydown": {
        "address_verify_poll_count": "5",
        "address_verify_poll_delay": "1",
        _RECIPIENT: "reject_unverified_recipient",
    },
    "sender": {"smtpd_sender_restrictions": "reject_unknown_sender_domain"},
    "sendercheck": {
        "address_verify_poll_count": "5",
        "address_verify_poll_delay": "1",
        "smtpd_sender_restrictions": "reject_unverified_sender",
    },
    "helo": {"smtpd_helo_required": "yes", "smtpd_helo_restrictions": "reject_unknown_helo_hostname"},
    "ptr": {_CLIENT: "reject_unknown_client_hostname"},
    "unlisted": {"smtpd_reject_unlisted_recipient": "no"},
}
SCREENS: dict[str, dict[str, str]] = {
    "screen": {},
    "screendeep": {
        "postscreen_pipelining_enable": "yes",
        "postscreen_pipelining_action": "enforce",
        "postscreen_non_smtp_command_enable": "yes",
        "postscreen_bare_newline_enable": "yes",
    },
    "screendnsbl": {"postscreen_dnsbl_sites": BLOCK_LIST, "postscreen_dnsbl_action": "enforce"},
}
ROLES = {f"postfix-{role}.test": f"10.77.1.{number}" for number, role in enumerate([*SETTINGS, *SCREENS], 1)}

_NOT_VIRTUAL = {"local", "relay", "alias", "foreign", "deferred", "verify", "verifying", "verifydown"}
_VIRTUAL = [f"postfix-{role}.test" for role in (*SETTINGS, *SCREENS) if role not in _NOT_VIRTUAL]
_BEHIND_OTHERS = ["exim-callforward.test"]  # domains of other servers that ask us whether a recipient exists

MAIN = """\
compatibility_level = 3.6
queue_directory = {work}/queue
data_directory = {work}/data
maillog_file = {work}/log
maillog_file_prefixes = {work}
inet_interfaces = {own_address}
inet_protocols = ipv4
myhostname = mx.postfix-virtual.test
mydestination = postfix-local.test
mynetworks = 127.0.0.0/8
recipient_delimiter = +
alias_maps =
local_recipient_maps = texthash:{config}/local
virtual_mailbox_base = {work}/mail
virtual_mailbox_domains = {virtual}
virtual_mailbox_maps = texthash:{config}/virtual
virtual_alias_domains = postfix-alias.test
virtual_alias_maps = texthash:{config}/alias
relay_domains = postfix-relay.test, postfix-verify.test, postfix-verifying.test, postfix-verifydown.test
relay_recipient_maps = texthash:{config}/relay
transport_maps = texthash:{config}/transport
relocated_maps = texthash:{config}/relocated
unverified_recipient_reject_code = 550
unverified_sender_reject_code = 550
address_verify_sender = postmaster@postfix-virtual.test
smtputf8_enable = no
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {certificate}
postscreen_greet_wait = 2s
postscreen_greet_action = enforce
"""
SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
postlog unix-dgram n - n - 1 postlogd
"""


def start(work: Path, certificate: Path) -> None:
    """Write the configuration below `work` and start Postfix and postgrey; they go on in the background."""
    config = work / "config"
    for folder in (config, work / "queue", work / "data", work / "mail", work / "postgrey"):
        folder.mkdir(parents=True)
    _run("chown", "postfix", str(work / "data"))
    _run("chown", "postgrey", str(work / "postgrey"))
    main = MAIN.format(
        work=work,
        config=config,
        virtual=", ".join(_VIRTUAL + _BEHIND_OTHERS),
        certificate=certificate,
        own_address=OWN_ADDRESS,
    )
    (config / "main.cf").write_text(main)
    (config / "master.cf").write_text(SERVICES + "".join(_listeners(config, work)))
    for name, text in _tables().items():
        (config / name).write_text(text)
    _run(
        "postgrey",
        "--daemonize",
        f"--inet=127.0.0.1:{POSTGREY_PORT}",
        f"--delay={GREY_SECONDS}",
        f"--dbdir={work}/postgrey",
        "--user=postgrey",
        "--group=postgrey",
        f"--pidfile={work}/postgrey/pid",
        "--hostname=mx.postfix-grey.test",
    )
    _run("postfix", "-c", str(config), "start")


def _listeners(config: Path, work: Path) -> list[str]:
    services = [
        _service(ROLES[f"postfix-{role}.test"] + ":25 inet n - n - - smtpd", role, settings, config)
        for role, settings in SETTINGS.items()
    ]
    for role, settings in SCREENS.items():
        own = {
            **settings,
            "postscreen_cache_map": f"btree:{work}/data/{role}",
            "smtpd_service_name": f"smtpd-{role}",
        }
        services.append(_service(ROLES[f"postfix-{role}.test"] + ":25 inet n - n - 1 postscreen", role, own, config))
        services.append(_service(f"smtpd-{role} pass - - n - - smtpd", role, {}, config))
    return services


def _service(head: str, role: str, settings: dict[str, str], config: Path) -> str:
    all_settings = {"myhostname": f"mx.postfix-{role}.test", **settings}
    options = (f"  -o {{ {name} = {value.format(config=config)} }}\n" for name, value in all_settings.items())
    return head + "\n" + "".join(options)


def _tables() -> dict[str, str]:
    people = ("alice", "bob", "carol", "dora")
    virtual = [f"{person}@{domain}" for domain in _VIRTUAL + _BEHIND_OTHERS for person in people]
    virtual += ["@postfix-catchall.test", "jürgen@postfix-utf8.test", "o'neil@postfix-virtual.test"]
    return {
        "virtual": "".join(f"{address} here\n" for address in virtual),
        "local": "".join(f"{person} here\n" for person in people),
        "alias": "alice@postfix-alias.test alice@postfix-virtual.test\n",
        "relay": "alice@postfix-relay.test here\n"
        "@postfix-verify.test here\n@postfix-verifying.test here\n@postfix-verifydown.test here\n",
        "transport": "postfix-verify.test smtp:[10.77.2.1]\npostfix-verifying.test smtp:[10.77.2.1]\n"
        "postfix-verifydown.test smtp:[10.77.0.99]\n",
        "relocated": "moved@postfix-virtual.test moved@elsewhere.test\n",
        "access": """\
full@postfix-access.test 552 5.2.2 Mailbox is full
fuller@postfix-access.test 452 4.2.2 Quota exceeded (mailbox for user is full)
disabled@postfix-access.test 550 5.2.1 Mailbox disabled, not accepting messages
later@postfix-access.test 450 4.7.1 Greylisted for 300 seconds
busy@postfix-access.test DEFER
refused@postfix-access.test REJECT
spam@postfix-access.test 550 5.7.1 Message rejected as spam by Content Filtering
alice@postfix-shut.test 421 4.3.2 Service shutting down and closing channel
""",
    }


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=20)
