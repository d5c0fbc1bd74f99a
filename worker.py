"""The worker: RQ with the application's context, for all queues or for those that are named. `worker.py cron` is RQ's own cron for the
sweepers; it loads neither the application nor a model.

A duplicate or lost tick is harmless, and any exit is restarted by whoever supervises.
"""

import signal
import sys

if __name__ == "__main__" and sys.argv[1:] == ["cron"]:
    from ballast.ticking import tick

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    tick()
else:
    from ballast.hands import ContextWorker, app, work

    __all__ = ["ContextWorker", "app", "work"]
    if __name__ == "__main__":
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        work(sys.argv[1:])
