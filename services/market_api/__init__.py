"""The market API as documents describe it: what dashboard answers, profile hands on and the aggregator shares."""
