"""Questions to the DNS over sockets of our own: bounded, cached, and honest about whose fault a silence is."""

from verification.engine.resolver.reply import Budget, DnsReply, DnsStatus
from verification.engine.resolver.resolver import Resolver
from verification.engine.resolver.servers import system_resolvers

__all__ = ["Budget", "DnsReply", "DnsStatus", "Resolver", "system_resolvers"]
