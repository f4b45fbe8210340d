"""Records as aiokafka's compiled parser makes them, without the object that it builds in Python around each.

That object, with its topic, its sizes and its headers, costs more than to read the record. aiokafka has no setting for
it: `plain`, given as `value_deserializer`, is the mark of a consumer that does without, and no other one changes.
"""

from typing import Any

from aiokafka.consumer import fetcher


def plain(value: bytes | None) -> bytes | None:
    """The value as it is."""
    return value


class PlainRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka has no types
    """What a partition has brought. It is read once."""

    def __iter__(self) -> Any:
        return self._records_iterator

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return record if self._value_deserializer is plain else super()._consumer_record(tp, record)


fetcher.PartitionRecords = PlainRecords
