"""Registers our elements with c7n, each on the resource types that have it, and only when a policy loads them."""
from importlib import import_module
from typing import Any

ELEMENTS: dict[str, tuple[str, ...]] = {
    "security-group": (
        "custom_actions.ingress.elements:IngressDrift",
        "custom_actions.ingress.elements:RevertIngress",
    ),
}
"""Resource type to the elements that it gets, each as `module:class`; the class says what it is by its bases."""


def register() -> None:
    """Subscribe to c7n's AWS resource types; calling it again changes nothing.

    Types that c7n has loaded already get their elements at once, so the order of imports does not matter.
    """
    from c7n.resources.aws import AWS

    if _on_resource_type in AWS.resources._subscribers:
        return
    AWS.resources.subscribe(_on_resource_type)
    for resource_class in list(AWS.resources.values()):
        _on_resource_type(AWS.resources, resource_class)


def _on_resource_type(registry: Any, resource_class: Any) -> None:
    """c7n's callback: `resource_class` has just been loaded (None closes a round of loading)."""
    for path in ELEMENTS.get(getattr(resource_class, "type", ""), ()):
        module, _, name = path.partition(":")
        element = getattr(import_module(module), name)
        element.register_on(resource_class)
