"""A `firstfault` command that ends with the worker that started it: when its standard input ends."""

import os
import runpy
import signal
import threading
import time

_GRACE = 15.0


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.killpg(0, signal.SIGTERM)
    time.sleep(_GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runpy.run_module("firstfault.cli.main", run_name="__main__", alter_sys=True)
