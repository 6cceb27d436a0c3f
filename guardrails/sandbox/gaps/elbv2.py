"""Elastic Load Balancing: only a listener that speaks TLS has a security policy. moto gives one to every listener."""
from __future__ import annotations

from typing import Any

from moto.elbv2.models import ELBv2Backend, FakeListener

from ..moto_fixes import replaces

_TLS = ("HTTPS", "TLS")


def apply() -> None:
    """Apply the additions, once in a process."""
    original_create = ELBv2Backend.create_listener
    original_modify = ELBv2Backend.modify_listener

    @replaces(ELBv2Backend, "create_listener")
    def create(backend: Any, *args: Any, **kwargs: Any) -> FakeListener:
        return _with_its_policy(original_create(backend, *args, **kwargs))

    @replaces(ELBv2Backend, "modify_listener")
    def modify(backend: Any, *args: Any, **kwargs: Any) -> FakeListener:
        return _with_its_policy(original_modify(backend, *args, **kwargs))


def _with_its_policy(listener: Any) -> FakeListener:
    if listener.protocol not in _TLS:
        listener.ssl_policy = None
    elif listener.ssl_policy is None:
        listener.ssl_policy = "ELBSecurityPolicy-2016-08"  # AWS's default
    return listener
