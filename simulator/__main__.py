"""`python -m simulator`: an exchange on ws://127.0.0.1:9443 and http://127.0.0.1:9444."""

from services.common.lifecycle import run
from services.common.settings import load_settings
from simulator.app import app
from simulator.settings import SimulatorSettings

if __name__ == "__main__":
    run("simulator", load_settings(SimulatorSettings), app)
