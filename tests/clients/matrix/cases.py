"""What every client of the matrix is asked to do, and with what."""
import base64
import struct
import zlib

import pydantic

from layout import CLIENTS, FEATURES, NOT_EXPRESSIBLE, NOT_OFFERED, PROVIDERS  # noqa: F401

SAID = 'one two three four five six seven eight nine ten'
CITY = {'type': 'object', 'properties': {'city': {'type': 'string'}, 'days': {'type': 'integer'}},
        'required': ['city', 'days'], 'additionalProperties': False}
ZONE = {'type': 'object', 'properties': {'zone': {'type': 'string'}}, 'required': ['zone'],
        'additionalProperties': False}


class Place(pydantic.BaseModel):
    """What the model is asked to fill in."""
    name: str
    population: int
    capital: bool


def png():
    """A picture of one pixel."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    header = struct.pack('>IIBBBBB', 1, 1, 8, 2, 0, 0, 0)
    chunks = chunk(b'IHDR', header), chunk(b'IDAT', zlib.compress(b'\0\xff\0\0')), chunk(b'IEND', b'')
    return base64.b64encode(b'\x89PNG\r\n\x1a\n' + b''.join(chunks)).decode()


PNG = png()


class Failed(AssertionError):
    """The answer is not what was asked for."""


def check(holds, what):
    """Raises Failed with `what` (shown) unless it holds."""
    if not holds:
        raise Failed(str(what)[:600])


def raises(kinds, call):
    """The exception of `kinds` that `call` raises; Failed when it raises none."""
    try:
        result = call()
    except kinds as error:
        return error
    raise Failed(f'no {kinds} but {result!r}'[:600])
