"""The text of a JSON document that came over a network: UTF-8, as RFC 8259 section 8.1 asks for."""

import codecs

UTF8_EXPECTED = "The body is not UTF-8."


def json_text(body: bytes) -> str:
    """The body's text, without the byte-order mark that some editors put before it.

    Raises ValueError for any other encoding: UTF-16 and UTF-32 hold a zero byte within their first four.
    """
    if b"\0" in body[:4] or body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(UTF8_EXPECTED)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(UTF8_EXPECTED) from error
