"""How the bridge scripts of the built-in stages talk to modelflow. A script puts this folder on sys.path, then calls `talk(work)`."""

import json
import os
import sys
import traceback


class BridgeFailure(Exception):
    """Ends the script with an error of this kind; the stage turns the kind into a diagnostic."""

    def __init__(self, kind, message, detail=()):
        super().__init__(message)
        self.kind, self.detail = kind, [str(line) for line in detail]


def progress(fraction, doing):
    """How far the script has come, 0…1, on file descriptor 3."""
    try:
        os.write(3, (json.dumps({"progress": fraction, "doing": doing}) + "\n").encode())
    except OSError:
        print(doing, file=sys.stderr)  # run by hand: nobody listens on 3


def talk(work):
    """Reads the request, does the work, writes the reply. Whatever a library prints to stdout goes to stderr."""
    reply_to = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        reply = {"ok": work(json.loads(sys.stdin.readline()))}
    except BridgeFailure as error:
        reply = {"error": {"kind": error.kind, "message": str(error), "detail": error.detail}}
    except Exception as error:
        traceback.print_exc()
        lines = "".join(traceback.format_exception(error)[-3:]).splitlines()
        reply = {"error": {"kind": "failed", "message": first_line(error), "detail": lines[-12:]}}
    print(json.dumps(reply), file=reply_to, flush=True)
    sys.stderr.flush()
    # TensorFlow may hang or crash while it is torn down; everything has been written.
    os._exit(1 if "error" in reply else 0)


def first_line(error):
    """`TypeError: what went wrong`, without the pages that libraries append."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:500]}" if lines else type(error).__name__
