"""`python -m services.aggregator`."""

from services.aggregator.app import app
from services.aggregator.settings import AggregatorSettings
from services.common.lifecycle import run
from services.common.settings import load_settings

if __name__ == "__main__":
    run("aggregator", load_settings(AggregatorSettings), app)
