"""An environment whose vLLM is a stand-in: a real process that starts, answers and hangs on, without a model.

It speaks enough of vLLM's API to be found healthy, has a child of its own as vLLM has an engine, and writes
both process ids to a file. As with vLLM, that child outlives it unless somebody ends it.
"""

import os
import select
import sys
from pathlib import Path

_SERVER = """
import argparse, json, os, signal, subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
for name in ("--port", "--served-model-name", "--lora-modules", "--pids", "--fails", "--model"):
    parser.add_argument(name)
given, others = parser.parse_known_args()
names = [given.served_model_name, *([given.lora_modules.split("=")[0]] if given.lora_modules else [])]
engine = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
with open(given.pids + ".new", "w") as file:
    told = {"server": os.getpid(), "engine": engine.pid, "options": others, "environment": dict(os.environ)}
    json.dump(told, file)
os.rename(given.pids + ".new", given.pids)
print("(APIServer) INFO Resolved architecture: Stand-in", file=sys.stderr, flush=True)
if given.fails == "at once":
    print("\\x1b[31m(EngineCore) ERROR [core.py] ValueError: no kernel for this\\x1b[0m", file=sys.stderr)
    raise RuntimeError("Engine core initialization failed. See root cause above.")
if given.fails == "never ready":
    signal.pause()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        ours = self.headers.get("authorization") == "Bearer " + os.environ["VLLM_API_KEY"]
        if self.path == "/health":
            status, content = 200, {}
        elif ours:
            common = {"root": given.model, "max_model_len": 9}
            status, content = 200, {"data": [{"id": name, **common} for name in names]}
        else:
            status, content = 401, {}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())


ThreadingHTTPServer(("127.0.0.1", int(given.port)), Handler).serve_forever()
"""


def stand_in(folder: Path) -> Path:
    """Make the environment; return its interpreter."""
    package = folder / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    (package / "api_server.py").write_text(_SERVER)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


def gone(pid: int, seconds: float = 30.0) -> bool:
    """Wait until a process has ended, or so long; tell whether it has."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], seconds)[0])
    finally:
        os.close(watched)
