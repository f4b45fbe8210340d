"""Configuration of a single Kafka node under `make run`: the container's, but for where it listens and writes."""

import json
from pathlib import Path

_FILES = Path(__file__).parents[1] / "kafka"
LOGGING = (_FILES / "log4j2.xml").read_text()
_HERE = """
# Of two lines for one thing the later one counts.
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
"""


def properties(log_dir: Path, port: int, controller_port: int, more: str = "") -> str:
    """`server.properties`: on 127.0.0.1 alone, with the topics' files in `log_dir`. `more` lines count last."""
    # Java reads such files as Latin-1, with escapes that are JSON's.
    escaped = json.dumps(str(log_dir))[1:-1]
    here = _HERE.format(log_dir=escaped, port=port, controller_port=controller_port)
    return f"{(_FILES / 'server.properties').read_text()}{here}{more}"
