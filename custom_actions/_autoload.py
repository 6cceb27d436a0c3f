"""Makes our filters and actions available in plain `custodian` and `c7n-org`, in every interpreter of the environment.

c7n does not load plug-ins, and the worker processes of c7n-org inherit nothing from their parent if they are started
with spawn or forkserver. So the environment has a `.pth` file whose one line imports this module whenever an
interpreter starts. The module waits until `c7n.resources.aws` is imported, and then registers the elements.

A process that never imports c7n only loads this file: no other imports, and one string comparison for each module that
it imports. `bench/startup.py` measures this. A process of a run also watches whether the run still lives (`lifeline`).
"""
import os
import sys

_TRIGGER = "c7n.resources.aws"
HIDDEN: set[str] = set()
"""Packages that c7n's AWS provider does not find when it is loaded. A program that has no use for them adds them."""


class _Finder:
    """A meta path finder that lets the other finders load c7n's AWS provider, and then registers the elements.

    It has no base class, because importing `importlib.abc` would cost every interpreter about 40 ms.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != _TRIGGER:
            return None
        sys.meta_path.remove(_Finder)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module):  # type: ignore[no-untyped-def]
            hidden = [name for name in HIDDEN if name not in sys.modules]
            for name in hidden:
                sys.modules[name] = None  # an import of it raises ImportError
            try:
                load(module)
            finally:
                for name in hidden:
                    del sys.modules[name]
            from .plugin import register

            register()

        spec.loader.exec_module = exec_module
        return spec


if _TRIGGER not in sys.modules and _Finder not in sys.meta_path:
    sys.meta_path.insert(0, _Finder)

if "GUARDRAILS_LIFELINE" in os.environ:
    from .lifeline import watch

    watch()
