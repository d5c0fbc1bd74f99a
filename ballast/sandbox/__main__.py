"""`python -m ballast.sandbox --host 127.0.0.1 --port 8010 --state DIR`"""

import argparse
import errno
import ipaddress
import logging
import os
import sys
from pathlib import Path

from aiohttp import web

from ballast.sandbox.journal import StateInUseError
from ballast.sandbox.server import KEEP_ALIVE_SECONDS, create_app

LIVE_PREFIXES = ("sk_live_", "rk_live_", "pk_live_", "sq0idp-", "sq0csp-", "sq0atp-")


def main() -> int:
    """Run the sandbox until it is told to stop; return the exit status."""
    args = read_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        refuse_live_keys()
        refuse_open_host(args.host, args.allow_remote)
        app = create_app(args.state)
    except (StateInUseError, OSError, ValueError) as error:
        say(str(error))
        return 2
    return serve(app, args.host, args.port)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    ask = argparse.ArgumentParser(
        prog="python -m ballast.sandbox", description="Plays the payment processors on loopback."
    )
    ask.add_argument("--host", default="127.0.0.1", help="address to bind (default 127.0.0.1)")
    ask.add_argument("--port", type=int, default=8010, help="port to bind (default 8010)")
    ask.add_argument("--state", type=Path, required=True, help="directory that keeps everything")
    ask.add_argument("--allow-remote", action="store_true", help="allow an address other machines can reach")
    return ask.parse_args()


def refuse_live_keys() -> None:
    """Raise ValueError if the environment holds a live key: whoever has one is about to mix up two worlds."""
    for name, value in sorted(os.environ.items()):
        if value.startswith(LIVE_PREFIXES):
            raise ValueError(f"{name} holds a live key; the sandbox does not start beside one")


def refuse_open_host(host: str, allowed: bool) -> None:
    """Raise ValueError for an address that is not the machine's own, unless it was allowed."""
    if allowed or host == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"{host} can be reached from other machines; say --allow-remote if that is meant")


def serve(app: web.Application, host: str, port: int) -> int:
    """Answer until SIGINT or SIGTERM."""
    try:
        web.run_app(
            app,
            host=host,
            port=port,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=2,
            print=lambda *_: say(f"http://{host}:{port}/"),
        )
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        say(f"port {port} is taken" if taken else str(error))
        return 3 if taken else 2
    return 0


def say(text: str) -> None:
    """Tell whoever started the sandbox."""
    sys.stderr.write(f"sandbox: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
