"""Make plain `custodian` and plain `c7n-org` know our elements, in every interpreter of the environment.

c7n loads no plug-ins, and c7n-org runs policies in worker processes that, under the start methods spawn and
forkserver, inherit nothing from their parent. So the environment holds one `.pth` line that imports this module
whenever an interpreter starts. It waits for `c7n.resources.aws` to be imported and registers the elements then.

A process that never imports c7n pays for this file alone: no other import, and one string comparison for each
module that it imports. `bench/startup.py` measures it.
"""
import sys

_TRIGGER = "c7n.resources.aws"


class _Finder:
    """A meta path finder that finds nothing itself: it lets the others load c7n's AWS provider, then registers.

    It needs no base class: `importlib.abc` alone would cost every interpreter some 40 ms.
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
            load(module)
            from .plugin import register

            register()

        spec.loader.exec_module = exec_module
        return spec


if _TRIGGER not in sys.modules and _Finder not in sys.meta_path:
    sys.meta_path.insert(0, _Finder)
