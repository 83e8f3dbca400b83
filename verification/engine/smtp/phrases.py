"""What the texts of replies speak of.  Consulted last, after the code and the enhanced code.

Servers echo the address and its domain; these are cut out before, so that nobody's name decides.  Each pattern is an
alternation of plain phrases without nested repetition, so its time grows with the text only.
"""

from __future__ import annotations

import re
from enum import Enum

_ECHO = re.compile(r"<[^<>]{0,320}>|\S{1,128}@\S{1,255}")
_URL = re.compile(r"https?:\S+|\bwww\.\S+")
_SPACES = re.compile(r"\s+")
TEXT_LIMIT = 600


class Subject(Enum):
    """What a text speaks of; a text may speak of several things."""

    GREYLIST = "greylist"  # the word itself
    RETRY_IN = "retry_in"  # a period to wait
    RELAY = "relay"
    AUTHENTICATION = "authentication"
    FORGERY = "forgery"  # SPF, DKIM, DMARC
    SENDER = "sender"
    OUR_ADDRESS = "our_address"
    RATE = "rate"
    FULL = "full"
    TOO_MANY = "too_many"
    POLICY = "policy"
    SERVER = "server"
    USER = "user"
    NO_SERVICE = "no_service"


_PHRASES: dict[Subject, tuple[str, ...]] = {
    Subject.GREYLIST: (
        r"gr[ae]y[- ]?list",  # postgrey, sqlgrey, milter-greylist, rspamd, gld
        r"postgrey",
        r"(?:unknown|new|unseen) (?:mail )?triplet",
        r"not yet authori[sz]ed to deliver mail from",  # greylistd
        r"first (?:time|contact|attempt) .{0,40}(?:try|retry|defer)",
    ),
    Subject.RETRY_IN: (
        r"(?:try|come) (?:again|back)(?: later)? (?:in|after) (?:\d+|a few|some|five|ten) ?(?:s\b|sec|min|hour|h\b)",
        r"(?:retry|wait|delayed|deferred) (?:in|after|for|at least) \d+ ?(?:s\b|sec|min)",
        r"retry timeout",
    ),
    Subject.RELAY: (
        r"relay(?:ing)? (?:access )?(?:is )?(?:not )?(?:denied|permitted|allowed|prohibited|disabled)",
        r"(?:unable|not (?:allowed|permitted|authori[sz]ed)|cannot|refuse[sd]?|attempted|no) (?:to )?relay",
        r"do(?:es)? not relay",
        r"we (?:don't|do not) relay",
        r"not (?:a |an )?(?:open )?relay",
        r"relay (?:attempt|host)",
        r"isn't in my list of allowed rcpthosts",  # qmail
        r"not (?:in|one of) (?:our|my|the) (?:list of )?(?:local |relay )?domains?",
        r"(?:domain|host) (?:is |does )?(?:not (?:exist|handled|accepted here)|doesn't exist)",
        r"(?:domain|host) (?:is )?(?:not (?:found|local|known|hosted|accepted|configured)|unknown)",
        r"(?:domain|host) isn't (?:local|hosted)",
        r"(?:unknown|bad|unrecogni[sz]ed|no such) (?:destination )?(?:domain|host)",
        r"mail (?:for|to) (?:this|that|the|your) domain",
        r"invalid (?:destination )?domain",
    ),
    Subject.AUTHENTICATION: (
        r"authentication (?:is )?(?:required|needed|failed|credentials)",
        r"(?:must|need to|please) (?:be )?(?:authenticate|log ?in|issue a starttls)",
        r"auth(?:entication)? (?:first|required)",
        r"smtp auth",
        r"(?:client|sender|user|you) (?:was |is |are )?not (?:authenticated|authori[sz]ed)",
        r"not logged in",
        r"encryption required",
    ),
    Subject.FORGERY: (r"\bspf\b|\bdkim\b|\bdmarc\b|sender id\b|\bspoof|openspf|forged",),
    Subject.SENDER: (
        r"\bsender(?:'s)? (?:address|domain|verif|verify|refused|rejected|denied|blocked|unknown|is|has|call|policy|id|"
        r"mailbox|not|non|must|host|reject)",
        r"(?:your|invalid|unknown|bad|unverified|forged|fake|from|this|envelope|to|e-?mail) sender\b",
        r"(?:return|reverse|bounce)[- ]?path",
        r"mail from",
        r"from (?:address|domain|header)",
        r"originat(?:or|ing domain)",
        r"null (?:sender|return)",
        r"callback|call-?out(?! verification failed)|sender verif",  # that one is Exim's about a recipient
    ),
    Subject.OUR_ADDRESS: (
        r"\b(?:dns|r|s|u|d)bls?\b",
        r"black[- ]?list|block[- ]?list|deny[- ]?list|\bbl\d\d\b",
        r"spamhaus|spamcop|barracuda ?(?:central|reputation)|sorbs|abuseat",
        r"cloudmark|proofpoint .{0,40}block|senderscore",
        r"\b(?:is|are|was|been|host|address|ip|currently) (?:\S+ )?(?<!not )(?:listed|banned)",
        r"\b(?:host|ip|network|server) (?:\S+ ){0,3}blocked",
        r"(?<!not )(?:listed|blocked) (?:in|at|on|using)\b",
        r"\bip address|\bour address|\byour address|\bthe ip you",
        r"on (?:a|our|the|an?other) (?:\S+ )?(?:block |black |deny |reputation )?list",
        r"reputation",
        r"(?:your|client|connecting|remote|sending) (?:ip|host|address|network|server|mail server|mta)\b",
        r"client host",
        r"access from (?:your )?(?:ip|host|address|network)",
        r"\bptr\b|reverse (?:dns|hostname|lookup|mapping)|\brdns\b|cannot find your (?:reverse )?hostname",
        r"\bhelo\b|\behlo\b",
        r"dynamic (?:ip|address|pool)|residential|dial-?up",
        r"too many (?:connections|errors|bad|invalid|unknown|concurrent|sessions|failed|hops from)",
        r"connection (?:rate|limit|frequency|rejected)|concurren",
        r"(?<!: )connection refused",  # after a colon it is another host's, in the report of a callout
        r"complain|poor .{0,20}reputation|unsolicited|abus(?:e|ive)|spam(?:mer|ming)? source|bad reputation",
        r"throttl|rate[- ]?limit",
        r"messages? (?:from|temporarily deferred)",
        r"\[?(?:tss?\d\d|s31\d\d|cs01|rp-00\d)",  # Yahoo, Outlook.com, GMX
    ),
    Subject.RATE: (
        r"too (?:quickly|fast|many messages|much mail)",
        r"at a rate",
        r"\brate\b|\bvolume\b",
        r"(?:send|sending|message|connection|hourly) (?:quota|limit)",
        r"(?:receiving|received|exceeded) .{0,40}(?:limit|messages)",
        r"daily (?:limit|quota)|hourly",
    ),
    Subject.FULL: (
        r"(?:mail ?box|mail ?folder|inbox|mail ?drop|maildir|mail ?store) .{0,24}(?:full|over|exceed|quota)",
        r"(?:over|exceed\w*|out of|above|insufficient|reached) .{0,24}(?:quota|storage allocation|storage limit)",
        r"(?:over|exceed\w*|reached) .{0,24}mailbox size",
        r"quota .{0,24}(?:exceed|full|reached|overdrawn|violation)",
        r"overquota|over[- ]quota|full mailbox|quotaexceeded",
        r"(?:user|recipient|account) .{0,24}(?:storage|disk|space|mailbox) .{0,16}(?:full|exceed|limit)",
        r"(?:not enough|no) (?:storage )?space (?:left )?(?:in|for) .{0,16}(?:mail|user|recipient)",
    ),
    Subject.TOO_MANY: (r"too many (?:recipients|rcpt)", r"(?:recipient|rcpt)s? (?:limit|count)"),
    Subject.POLICY: (
        r"polic(?:y|ies)",
        r"access denied|permission denied|not permitted|not allowed|administrative(?:ly)? (?:prohibit|den)",
        r"\bspam\b|\bvirus|content|\burl\b",
        r"blocked|banned|prohibited|forbidden|refused|restricted|restriction",
        r"only accepts? (?:mail|messages) from|not accept(?:ing)? (?:mail|messages) from",
        r"resolvers|invalid dns|dns mx",
    ),
    Subject.SERVER: (
        r"internal (?:server )?error|local (?:error|problem)|configuration|temporar(?:y|ily)|try again|later",
        r"system (?:not accepting|full|error|resources|load)|insufficient system|disk|timed? ?out|unable to verify",
        r"lookup (?:failure|failed|error|defer)|could not (?:complete|contact|connect)|unavailable at this time",
        r"ldap|mysql|database|backend",
    ),
    Subject.USER: (
        r"(?:user|mailbox|recipient|account|addressee|address|person|customer|alias)\)? (?:\S+ )?"
        r"(?:is |was |are |has been )?"
        r"(?:currently |temporarily )?"
        r"(?:not (?:found|known|exist|listed|recogni[sz]ed|valid|active|available|a valid|present|here)"
        r"|unknown|invalid|unavailable|disabled|inactive|suspended|closed|deleted|expired|terminated|deactivated"
        r"|non-?existent"
        r"|(?:does not|doesn'?t|do not|don'?t|didn'?t) (?:exist|have)|no longer)",
        r"(?:unknown|invalid|no such|nonexistent|non-existent|bad|inactive|disabled|expired|closed|incorrect|wrong"
        r"|undeliverable|unrout(?:e)?able|unresolvable) (?:\S+ )?(?:local )?"
        r"(?:user|mail ?box|recipient|account|addressee|address|person|customer|local[- ]part|alias)",
        r"no (?:mail ?box|user|account|recipient|one) (?:here )?(?:by|with|of|called|named|on|for|at|exists)",
        r"(?:this|that|such) (?:user|mailbox|account|recipient|address) (?:\S+ )?"
        r"(?:doesn'?t|does not|isn'?t|is not|has been|is no longer|is disabled)",
        r"(?:not|isn'?t) (?:a|one of|our)(?: \S+)? (?:user|customer|mailbox|recipient|account)s?",
        r"(?:user|recipient|mailbox|address) (?:lookup|verification) failed",
        r"does ?n[o']t have (?:a|an) \S+ account",
        r"user unknown|unknown user|unknown recipient|no such user|nosuchuser|recipnotfound|adr_?not_?found",
        r"user not local",  # RFC 5321 section 4.2.2
        r"not our customer|delivery to (?:this|that) (?:user|address) .{0,20}(?:disabled|not)",
        r"^address rejected|tried to reach (?:does not exist|is disabled|is inactive)|user not .{0,8}listed",
        r"address(?:ee)? unknown|mailbox unavailable|mail ?box (?:not found|does not exist)",
    ),
    Subject.NO_SERVICE: (
        r"no smtp service|(?:not|never) accept(?:s|ing)? (?:any )?(?:e-?)?mail|no mail(?: service)? here",
    ),
}
_TLS = re.compile(
    r"(?:starttls|\btls\b|\bssl\b|encrypt).{0,40}(?:required|needed|necessary|mandatory|enforced|first|only)"
    r"|(?:requires?|must|need|please|only|enforces?|demands?|without).{0,40}(?:starttls|\btls\b|\bssl\b|encrypt)"
    r"|(?:plain ?text|unencrypted|insecure) (?:session|connection)s?",
    re.IGNORECASE,
)
_PATTERNS = {subject: re.compile("|".join(phrases), re.IGNORECASE) for subject, phrases in _PHRASES.items()}


def plain(text: str) -> str:
    """Give the text without addresses and links, in single spaces, bounded."""
    bounded = text[:TEXT_LIMIT]
    return _SPACES.sub(" ", _URL.sub(" ", _ECHO.sub(" ", bounded))).strip()


def subjects(text: str) -> frozenset[Subject]:
    """Give all that a text made by `plain` speaks of."""
    return frozenset(subject for subject, pattern in _PATTERNS.items() if pattern.search(text))


def asks_for_tls(text: str) -> bool:
    """Tell whether a text made by `plain` asks for encryption."""
    return _TLS.search(text) is not None
