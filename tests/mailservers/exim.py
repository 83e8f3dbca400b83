"""Exim in its roles: a daemon for each, with a configuration of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.mailservers.zone import BLOCK_LIST

GREY_SECONDS = 2

# Role → main options.
MAIN_OPTIONS: dict[str, str] = {
    "plain": "",
    "unrouteable": "",
    "catchall": "",
    "grey": "",
    "access": "",
    "quota": "",
    "quotatold": "",
    "dnsbl": "",
    "dnsbldrop": "acl_smtp_connect = acl_connect",
    "closed": "host_reject_connection = *",
    "foreign": "",
    "tls": "acl_smtp_mail = acl_mail",
    "tlsbare": "acl_smtp_mail = acl_mail",
    "utf8": "smtputf8_advertise_hosts = *",
    "ascii": "smtputf8_advertise_hosts =",
    "harvest": "",
    "errors": "smtp_max_synprot_errors = 1\nsmtp_max_unknown_commands = 1\nsmtp_accept_max_nonmail = 0",
    "perconnection": "smtp_accept_max_per_connection = 2",
    "single": "smtp_accept_max_per_host = 1",
    "few": "recipients_max = 3",
    "fewhard": "recipients_max = 3\nrecipients_max_reject = true",
    "stepwise": "pipelining_advertise_hosts =",
    "helo": "acl_smtp_helo = acl_helo",
    "sender": "",
    "deny": "",
    "defer": "",
    "rate": "",
    "callforward": "",
    "slow": "acl_smtp_connect = acl_connect",
}
# Role → what its RCPT ACL begins with.
RCPT: dict[str, str] = {
    "grey": r"""
  defer message = $sender_host_address is not yet authorized to deliver mail from <$sender_address> \
                  to <$local_part@$domain>. Please try later.
    log_message = greylisted.
    domains = +ours
    verify = recipient
    condition = ${readsocket{{grey_socket}}\
                  {--grey $sender_host_address $sender_address $local_part@$domain}{5s}{}{false}}
""",
    "access": """
  deny local_parts = full
    message = 552 5.2.2 Mailbox is full / Blacklisted quota
  defer local_parts = fuller
    message = 452 4.2.2 Mailbox over quota
  deny local_parts = suspended
    message = The account has been suspended
  deny local_parts = nobody
    message = No Such User Here
  deny local_parts = spam
    message = This message was classified as SPAM and may not be delivered
  deny local_parts = nomail
    message = 550 5.2.1 Mailbox disabled
""",
    "dnsbl": f"""
  deny dnslists = {BLOCK_LIST}
    message = rejected because $sender_host_address is in a black list at $dnslist_domain\\n$dnslist_text
""",
    "harvest": """
  drop condition = ${if >{$rcpt_fail_count}{2}}
    message = REJECTED - Too many failed recipients - count = $rcpt_fail_count
""",
    "sender": """
  require verify = sender
""",
    "deny": """
  deny
""",
    "rate": """
  defer ratelimit = 0 / 1h / per_rcpt / strict
    message = Sender rate overlimit - $sender_rate / $sender_rate_period
""",
}
# Role → what it asks of a recipient beyond a route.
VERIFY = {
    "callforward": "  require verify = recipient/callout=10s,use_sender\n",
    "quota": "  require verify = recipient/quota\n",
    "quotatold": "  defer !verify = recipient/quota\n    message = 452 4.2.2 Mailbox is over quota\n",
}
EXTRA_ACLS: dict[str, str] = {
    "dnsbldrop": f"""
acl_connect:
  drop dnslists = {BLOCK_LIST}
    message = $sender_host_address is listed at $dnslist_domain ($dnslist_text)
  accept
""",
    "slow": """
acl_connect:
  accept delay = 4s
""",
    "tls": """
acl_mail:
  deny !encrypted = *
    message = 530 5.7.0 Must issue a STARTTLS command first
  accept
""",
    "tlsbare": """
acl_mail:
  deny !encrypted = *
    message = TLS encryption required
  accept
""",
    "helo": """
acl_helo:
  deny !verify = helo
    message = Access denied - Invalid HELO name (See RFC2821 4.1.1.1)
  accept
""",
}
ROLES = {f"exim-{role}.test": f"10.77.2.{number}" for number, role in enumerate(MAIN_OPTIONS, 1)}

CONFIG = r"""
primary_hostname = mx.{domain}
local_interfaces = {address}
daemon_smtp_ports = 25
pid_file_path = {work}/{role}.pid
spool_directory = {work}/spool-{role}
log_file_path = {work}/{role}-%slog
exim_user = Debian-exim
exim_group = Debian-exim
domainlist ours = {domain} : postfix-verify.test : postfix-verifying.test
tls_advertise_hosts = *
tls_certificate = {certificate}
host_lookup = *
rfc1413_query_timeout = 0s
acl_smtp_rcpt = acl_rcpt
queue_only = true
{main}

begin acl

acl_rcpt:
{rcpt}
  require message = relay not permitted
    domains = {domains}
  require verify = recipient
{verify}  accept
{extra}

begin routers
{routers}

begin transports

mailboxes:
  driver = appendfile
  file = {work}/mail/$local_part
  user = Debian-exim
  quota = 1K
  quota_size_regex = S=(\d+)
  mode_fail_narrower = false

forward:
  driver = smtp
"""
PEOPLE = "alice : bob : carol : dora : full : fuller : suspended : nobody : spam : nomail"
ROUTERS = r"""
abroad:
  driver = dnslookup
  domains = !+ours
  transport = forward

people:
  driver = accept
  domains = +ours
  local_parts = {people}
  local_part_suffix = +*
  local_part_suffix_optional
  transport = mailboxes
{unknown}
"""
FORWARD = """
forward:
  driver = manualroute
  domains = +ours
  route_list = * 10.77.1.1
  self = send
  transport = forward
"""
DEFER = """
deferring:
  driver = redirect
  domains = +ours
  allow_defer
  data = :defer: mailbox database is not available
"""


def start(work: Path, certificate: Path) -> None:
    """Write the configurations below `work` and start all daemons and greylistd; they go on in the background."""
    (work / "mail").mkdir(parents=True)
    (work / "mail" / "full").write_text("x" * 4_000)
    trusted = "".join(f"{work}/{_role_of(domain)}.conf\n" for domain in ROLES)
    Path("/etc/exim4/trusted_configs").write_text(trusted)  # or it gives up root when it starts itself again
    socket = _start_greylistd(work)
    _run("chown", "-R", "Debian-exim:Debian-exim", str(work))
    for domain, address in ROLES.items():
        role = _role_of(domain)
        config = work / f"{role}.conf"
        text = _fill(
            CONFIG,
            role=role,
            domain=domain,
            address=address,
            work=str(work),
            certificate=str(certificate),
            main=MAIN_OPTIONS[role],
            rcpt=RCPT.get(role, "").replace("{grey_socket}", socket),
            domains="+ours" if role != "foreign" else "elsewhere.test",
            verify=VERIFY.get(role, ""),
            extra=EXTRA_ACLS.get(role, ""),
            routers=_routers(role),
        )
        config.write_text(text)
        with (work / "trouble").open("a") as log:
            subprocess.Popen(["exim4", "-C", str(config), "-bdf"], stdin=subprocess.DEVNULL, stderr=log)


def _role_of(domain: str) -> str:
    return domain.removeprefix("exim-").removesuffix(".test")


def _fill(template: str, **values: str) -> str:
    """Put values into a template full of braces of its own."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template


def _routers(role: str) -> str:
    if role == "callforward":
        return FORWARD
    if role == "defer":
        return DEFER
    people = {"catchall": "*", "utf8": f"{PEOPLE} : jürgen"}.get(role, PEOPLE)
    unknown = "" if role == "unrouteable" else "  cannot_route_message = Unknown user\n"
    return _fill(ROUTERS, people=people, unknown=unknown)


def _start_greylistd(work: Path) -> str:
    """Start it with its socket where it may be reached; give the socket's path."""
    folder = work / "greylistd"
    folder.mkdir()
    socket = folder / "socket"
    config = Path("/etc/greylistd/config")
    text = (
        config.read_text().replace("/var/run/greylistd/socket", str(socket)).replace("/var/lib/greylistd", str(folder))
    )
    text = text.replace("retryMin     = 600", f"retryMin     = {GREY_SECONDS}").replace("= 0660", "= 0666")
    config.write_text(text)
    subprocess.Popen(["greylistd"], stdin=subprocess.DEVNULL)
    return str(socket)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=20)
