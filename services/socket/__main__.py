"""`python -m services.socket`."""

from services.common.lifecycle import run
from services.common.settings import load_settings
from services.socket.app import app
from services.socket.settings import SocketSettings

if __name__ == "__main__":
    run("socket", load_settings(SocketSettings), app)
