"""OpenSMTPD in its roles: one instance, a listener with a filter of its own for each role."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

# Role → options of its listener.
LISTENERS: dict[str, str] = {
    "plain": "",
    "catchall": "",
    "foreign": "",
    "refused": "",
    "tls": "tls-require pki house",
    "tlsoffered": "tls pki house",
    "dnsbl": 'filter "blocked"',
    "score": 'filter "score"',
    "rdns": 'filter "rdns"',
    "helo": 'filter "helo"',
    "rcpt": 'filter "rcpt"',
    "few": "",
    "errors": "",
    "accounts": "",
}
ROLES = {f"opensmtpd-{role}.test": f"10.77.3.{number}" for number, role in enumerate(LISTENERS, 1)}
_NOT_OURS = {"foreign", "refused", "catchall", "accounts"}
_OURS = [f"opensmtpd-{role}.test" for role in LISTENERS if role not in _NOT_OURS]

CONFIG = """\
pki house cert "{certificate}"
pki house key "{certificate}"

smtp limit max-rcpt 3
smtp limit max-mails 5
smtp sub-addr-delim "+"

table people file:{work}/people
table everybody {{ "@" = vmail }}
table blocklist {{ 10.77.0.1 }}
table badnames {{ "nowhere.test" }}
table full {{ "full@opensmtpd-rcpt.test" }}

filter "blocked" phase connect match src <blocklist> disconnect "554 5.7.1 Service refused: your IP is on our blocklist"
filter "rdns" phase connect match !rdns disconnect "550 no rDNS is so 80s"
filter "helo" phase ehlo match helo <badnames> disconnect "550 your HELO is refused here"
filter "score" proc-exec "filter-senderscore -blockBelow 50 -blockPhase connect"
filter "rcpt" phase rcpt-to match rcpt-to <full> reject "552 5.2.2 Mailbox full"

{listeners}

action "people" maildir "{work}/mail" virtual <people>
action "accounts" maildir "{work}/mail"
action "everybody" maildir "{work}/mail" virtual <everybody>

match from any for domain {{ {ours} }} action "people"
match from any for domain "opensmtpd-catchall.test" action "everybody"
match from any for domain "opensmtpd-accounts.test" action "accounts"
match from any for domain "opensmtpd-refused.test" reject
"""


def start(work: Path, certificate: Path) -> None:
    """Write the configuration below `work` and start it; it goes on in the background."""
    work.mkdir()
    own = work / "certificate.pem"  # it takes none that others may read
    shutil.copy(certificate, own)
    own.chmod(0o600)
    (work / "people").write_text("".join(f"{person} vmail\n" for person in ("alice", "bob", "carol", "dora", "full")))
    listeners = "\n".join(
        f'listen on {address} port 25 hostname "mx.{domain}" {LISTENERS[domain.removeprefix("opensmtpd-")[:-5]]}'
        for domain, address in ROLES.items()
    )
    ours = ", ".join(f'"{domain}"' for domain in _OURS)
    config = work / "smtpd.conf"
    config.write_text(CONFIG.format(work=work, certificate=own, listeners=listeners, ours=ours))
    Path("/var/lib/opensmtpd/empty").mkdir(parents=True)
    subprocess.run(["smtpd", "-f", str(config)], check=True, stdin=subprocess.DEVNULL, timeout=20)
